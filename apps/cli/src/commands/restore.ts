import type { RunWithCommand } from '@devs/db';
import { AtomicSnapshot, findRepository, type Head, type RestoreReport } from '@devs/snapshot';
import { describeMoved } from '../moved-refs.ts';
import { lockProject } from '../project.ts';
import { dropIfThere } from '../repair.ts';
import { shieldFromSignals } from '../run-child.ts';
import type { CommandContext } from './context.ts';
import { findRun, findRunFirst, snapshotOf } from './find-run.ts';

export interface RestoreFlags {
  readonly filesOnly?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** `devs restore`: the repository, or some paths of it, as it was before a run. */
export async function restore(
  context: CommandContext,
  name: string,
  paths: readonly string[],
  flags: RestoreFlags,
): Promise<number> {
  const { cwd, terminal, env } = context;
  using _ = shieldFromSignals();
  const { id } = await findRunFirst(context, name);
  await using project = await lockProject(
    findRepository(cwd),
    { taskId: 'restore', command: 'devs restore', parentLockId: env.DEVS_LOCK_ID, lazyHeartbeat: true },
    terminal.event,
  );
  const run = await findRun(project.log, id);
  const ref = snapshotOf(run);
  const { root } = project.repo;
  const report = await AtomicSnapshot.restore(root, ref, {
    ...(paths.length === 0 ? {} : { paths }),
    ...(flags.force === true ? {} : { expectedHead: await headAfter(root, run) }),
    filesOnly: flags.filesOnly === true,
    dryRun: flags.dryRun === true,
  });
  if (report.dropped) {
    await project.log.forgetSnapshot(run.id, 'restore', { safety_ref: report.safetyRef });
    if (run.after_ref !== null) await dropIfThere(root, run.after_ref);
  } else if (flags.dryRun !== true) {
    await project.log.event('restore', run.id, { safety_ref: report.safetyRef, paths, files_only: true });
  }
  if (terminal.options.json) terminal.json({ type: 'restore', run: run.id, dryRun: flags.dryRun === true, ...report });
  else render(context, run, report, flags.dryRun === true);
  return 0;
}

/** Where the run left HEAD; null where nobody knows, because it was killed. */
async function headAfter(root: string, run: RunWithCommand): Promise<Head | null> {
  return run.after_ref === null ? null : (await AtomicSnapshot.show(root, run.after_ref)).head;
}

function render({ terminal }: CommandContext, run: RunWithCommand, report: RestoreReport, dryRun: boolean): void {
  const { written, deleted, permissions, spared, safetyRef } = report;
  if (dryRun || terminal.options.verbose) {
    for (const path of written) terminal.answer(`write   ${path}`);
    for (const path of deleted) terminal.answer(`delete  ${path}`);
    for (const path of permissions) terminal.answer(`chmod   ${path}`);
    for (const path of spared) terminal.answer(`spare   ${path} (ignored)`);
  }
  const counts = `${written.length} written, ${deleted.length} deleted, ${permissions.length} permissions`;
  for (const line of describeMoved(report.moved)) terminal.say(line);
  if (dryRun) terminal.say(`would restore run ${run.id}: ${counts}`);
  else terminal.say(`restored run ${run.id}: ${counts}; what was there before is ${safetyRef}`);
}
