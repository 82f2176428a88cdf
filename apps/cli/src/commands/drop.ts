import { AtomicSnapshot } from '@devs/snapshot';
import { formatCount } from '../base/units.ts';
import { dropIfThere } from '../project/drop-if-there.ts';
import type { CommandContext } from './context.ts';
import { findRun, findRunFirst } from './find-run.ts';
import { lockFor } from './with-lock.ts';

/** `devs drop`: forgets a run's snapshots, what it did stays. A second drop does nothing. */
export async function drop(context: CommandContext, name: string): Promise<number> {
  const { id } = await findRunFirst(context, name);
  const { terminal } = context;
  await using project = await lockFor(context, 'drop');
  const run = await findRun(project.log, id);
  const { repo } = project;
  // Those it names count even where they cannot be read.
  const refs = (await AtomicSnapshot.list(repo))
    .filter(({ ref, runId }) => runId === run.id || ref === run.snapshot_ref || ref === run.after_ref)
    .map(({ ref }) => ref);
  // The row first: killed in between, the refs that are left are found by their run's name.
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
