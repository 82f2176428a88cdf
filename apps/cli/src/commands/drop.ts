import { AtomicSnapshot } from '@devs/snapshot';
import { formatCount } from '../base/units.ts';
import { dropIfThere } from '../project/drop-if-there.ts';
import type { CommandContext } from './context.ts';
import { findRun, unknownRun } from './find-run.ts';
import { lockIfUsed } from './with-lock.ts';

/**
 * `devs drop`: forgets a run's snapshots and leaves the files as they are. A second drop does
 * nothing.
 */
export async function drop(context: CommandContext, name: string): Promise<number> {
  const { terminal } = context;
  await using project = await lockIfUsed(context, 'drop');
  if (project === null) throw unknownRun(name);
  const run = await findRun(project.log, name);
  const { repo } = project;
  // The refs that the row names count even where their snapshots cannot be read.
  const refs = (await AtomicSnapshot.list(repo))
    .filter(({ ref, runId }) => runId === run.id || ref === run.snapshotRef || ref === run.afterRef)
    .map(({ ref }) => ref);
  // The row is written first: refs that a killed drop leaves are found by their run's id.
  const nothing = { snapshotRef: null, afterRef: null };
  if (refs.length > 0) await project.log.setSnapshots(run.id, nothing, 'drop', { refs });
  for (const ref of refs) await dropIfThere(repo, ref);
  if (terminal.options.json) terminal.json({ type: 'drop', run: run.id, dropped: refs });
  else
    terminal.say(
      refs.length === 0
        ? `run ${run.id} had no snapshot any more`
        : `dropped ${formatCount(refs.length, 'snapshot')} of run ${run.id}`,
    );
  return 0;
}
