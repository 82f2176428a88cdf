import { AtomicSnapshot, findRepository } from '@devs/snapshot';
import { lockProject } from '../project.ts';
import { dropIfThere } from '../repair.ts';
import type { CommandContext } from './context.ts';
import { findRun, findRunFirst } from './find-run.ts';

/** `devs drop`: forgets a run's snapshots, what it did stays. A second drop does nothing. */
export async function drop(context: CommandContext, name: string): Promise<number> {
  const { id } = await findRunFirst(context, name);
  const { cwd, terminal, env } = context;
  await using project = await lockProject(
    findRepository(cwd),
    { taskId: 'drop', command: 'devs drop', parentLockId: env.DEVS_LOCK_ID, lazyHeartbeat: true },
    terminal.event,
  );
  const run = await findRun(project.log, id);
  const { root } = project.repo;
  const refs = (await AtomicSnapshot.list(root)).filter(({ runId }) => runId === run.id).map(({ ref }) => ref);
  // The row first: killed in between, the refs that are left are found by their run's name.
  await project.log.forgetSnapshot(run.id, 'drop', { refs });
  for (const ref of refs) await dropIfThere(root, ref);
  if (terminal.options.json) terminal.json({ type: 'drop', run: run.id, dropped: refs });
  else
    terminal.say(
      refs.length === 0
        ? `run ${run.id} had no snapshot any more`
        : `dropped ${refs.length} snapshots of run ${run.id}`,
    );
  return 0;
}
