import { AtomicSnapshot } from '@devs/snapshot';
import { formatAge, formatDuration } from '../base/units.ts';
import { runJson } from '../output/record-json.ts';
import { survivorsOf } from '../processes/surviving-processes.ts';
import { findProject } from '../project/find-project.ts';
import { inspectProject } from '../project/project-state.ts';
import { viewProject } from '../project/view-project.ts';
import type { CommandContext } from './context.ts';

/** `devs status`: who holds the lock, how the last run ended, what can be restored. */
export async function status(context: CommandContext): Promise<number> {
  const { terminal } = context;
  await using project = await viewProject(findProject(context), terminal.event);
  const lock = await inspectProject(project.repo);
  const last = (await project.log?.list(100))?.find(({ status: how }) => how !== 'snapshot');
  const survivors = lock.state === 'dead' ? survivorsOf(lock.lock) : [];
  const snapshots = await AtomicSnapshot.list(project.repo);
  if (terminal.options.json) {
    terminal.json({
      root: project.repo.root,
      lock,
      orphans: survivors,
      lastRun: last === undefined ? null : runJson(last),
      snapshots,
    });
    return 0;
  }
  if (lock.state === 'free') terminal.answer('lock       free');
  else {
    const { pid, task_id, id } = lock.lock;
    terminal.answer(
      `lock       ${lock.state}: task ${task_id}, pid ${pid}, last seen ${formatDuration(Math.max(0, lock.ageMs))} ago`,
    );
    terminal.answer(`           ${lock.evidence}${id === undefined ? '' : `; id ${id}`}`);
    for (const { pid: survivor, command } of survivors)
      terminal.answer(`           still running: pid ${survivor} ${command}`);
    if (survivors.length > 0 && id !== undefined)
      terminal.answer(
        `           end them, or go on all the same: ${terminal.hint(['devs', 'unlock', id, '--force'])}`,
      );
  }
  if (last === undefined) terminal.answer('last run   none');
  else terminal.answer(`last run   ${last.id}  ${last.taskId}  ${last.status}  ${formatAge(last.startedAt)}`);
  const own = snapshots.filter(({ kind }) => kind !== 'foreign' && kind !== 'unreadable');
  terminal.answer(`snapshots  ${own.length}${own.length === 0 ? '' : `, newest ${own.at(-1)!.id}`}`);
  if (own.length < snapshots.length) {
    const others = snapshots.length - own.length;
    terminal.answer(`           ${others} more, foreign or unreadable: ${terminal.hint(['devs', 'doctor'])}`);
  }
  return 0;
}
