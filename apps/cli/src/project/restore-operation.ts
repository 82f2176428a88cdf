import type { Run } from '@devs/db';
import { AtomicSnapshot, type Progress, type RestoreReport } from '@devs/snapshot';
import { CliError } from '../base/errors.ts';
import type { LockedProject } from './lock-project.ts';
import { recordRestore } from './record-restore.ts';

export interface RestoreFlags {
  readonly filesOnly?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** What is restored, and what is known of what happened to it since. */
export interface RestoreTarget {
  readonly ref: string;
  /** The repository as the last operation left it; null: unknown; undefined: no matter. */
  readonly after: string | null | undefined;
  readonly paths: readonly string[];
  readonly filesOnly: boolean;
}

/** A run as it was before. For a checkpoint going back over all that came since is the purpose. */
export function targetOfRun(run: Run, paths: readonly string[], flags: RestoreFlags): RestoreTarget {
  const after = run.status === 'snapshot' ? undefined : run.afterRef;
  return { ref: snapshotOf(run), after, paths, filesOnly: flags.filesOnly === true };
}

/** Restores, and writes it down. */
export async function performRestore(
  { repo, log }: LockedProject,
  { ref, after, paths, filesOnly }: RestoreTarget,
  flags: RestoreFlags,
  onProgress: (progress: Progress) => void,
): Promise<RestoreReport> {
  const report = await AtomicSnapshot.restore(repo, ref, {
    ...(paths.length === 0 ? {} : { paths }),
    ...(flags.force === true || after === undefined ? {} : { after }),
    filesOnly,
    dryRun: flags.dryRun === true,
    keep: true,
    onProgress,
  });
  if (flags.dryRun !== true) await recordRestore(repo, log, report);
  return report;
}

/**
 * The run's snapshot. @throws CliError `DEVS_RUN_WITHOUT_SNAPSHOT` when it was dropped or restored.
 */
export function snapshotOf(run: Run): string {
  if (run.snapshotRef !== null) return run.snapshotRef;
  throw new CliError(
    'DEVS_RUN_WITHOUT_SNAPSHOT',
    `run ${run.id} (task ${run.taskId}, ${run.status}) has no snapshot any more`,
    {
      hint: ['devs', 'log'],
      data: { id: run.id, status: run.status },
    },
  );
}
