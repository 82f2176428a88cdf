import { renderRestore } from '../output/render-restore.ts';
import { shieldFromSignals } from '../processes/signals.ts';
import { assertKnownPaths } from '../project/assert-known-paths.ts';
import { performRestore, type RestoreFlags, targetOfRun } from '../project/restore-operation.ts';
import { workTreePaths } from '../project/work-tree-paths.ts';
import type { CommandContext } from './context.ts';
import { findRun, unknownRun } from './find-run.ts';
import { lockIfUsed } from './with-lock.ts';

/** `devs restore`: the repository, or some paths of it, as it was before a run. */
export async function restore(
  context: CommandContext,
  name: string,
  paths: readonly string[],
  flags: RestoreFlags,
): Promise<number> {
  const { cwd, terminal } = context;
  using _ = shieldFromSignals();
  await using project = await lockIfUsed(context, 'restore');
  if (project === null) throw unknownRun(name);
  const run = await findRun(project.log, name);
  const target = targetOfRun(run, workTreePaths(paths, cwd, project.repo.root), flags);
  await assertKnownPaths(project.repo, [target.ref, run.afterRef], target.paths);
  const report = await performRestore(project, target, flags, terminal.progress);
  const dryRun = flags.dryRun === true;
  if (terminal.options.json) {
    terminal.json({ type: 'restore', run: run.id, dryRun, ...report });
    return 0;
  }
  if (target.after === null && !dryRun) {
    const why = run.status === 'crashed' ? 'was killed' : 'left what no snapshot could be taken of';
    terminal.warn(
      `run ${run.id} ${why}: what it did cannot be told from what was done since. All of it is in ${report.safetyRef}`,
    );
  }
  renderRestore(terminal, `run ${run.id}`, report, dryRun);
  return 0;
}
