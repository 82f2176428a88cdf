import { shieldFromSignals } from '../processes/run-child.ts';
import type { RunnerEvent } from '../project/events.ts';
import { findProject } from '../project/find-project.ts';
import { lockProject } from '../project/lock-project.ts';
import { viewProject } from '../project/view-project.ts';
import type { CommandContext } from './context.ts';

/**
 * `devs recover`: puts right what a killed devs left, as every command does at its start, and says what that was. Nothing
 * to do is success, too.
 */
export async function recover(context: CommandContext): Promise<number> {
  const { terminal, env } = context;
  const repo = findProject(context);
  using _ = shieldFromSignals();
  const done: RunnerEvent['type'][] = [];
  const emit = (event: RunnerEvent) => {
    if (event.type !== 'waiting' && event.type !== 'progress' && event.type !== 'step') done.push(event.type);
    terminal.event(event);
  };
  let hasHistory: boolean;
  {
    await using view = await viewProject(repo, emit);
    hasHistory = view.log !== null;
  }
  if (hasHistory) {
    const request = { taskId: 'recover', command: 'devs recover', parentLockId: env.DEVS_LOCK_ID, lazyHeartbeat: true };
    await (await lockProject(repo, request, emit))[Symbol.asyncDispose]();
  }
  if (terminal.options.json) terminal.json({ type: 'recover', repaired: done });
  else if (done.length === 0) terminal.say('nothing had to be repaired');
  return 0;
}
