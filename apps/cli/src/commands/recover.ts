import { shieldFromSignals } from '../processes/signals.ts';
import type { RunnerEvent } from '../project/events.ts';
import type { CommandContext } from './context.ts';
import { lockIfUsed } from './with-lock.ts';

/**
 * `devs recover`: puts right what a killed devs left, as every command that may write does at its
 * start, and says what that was. Nothing to do is success, too.
 */
export async function recover(context: CommandContext): Promise<number> {
  const { terminal } = context;
  using _ = shieldFromSignals();
  const done: RunnerEvent['type'][] = [];
  const emit = (event: RunnerEvent) => {
    if (event.type !== 'waiting' && event.type !== 'progress' && event.type !== 'step') done.push(event.type);
    terminal.event(event);
  };
  await (await lockIfUsed(context, 'recover', emit))?.[Symbol.asyncDispose]();
  if (terminal.options.json) terminal.json({ type: 'recover', repaired: done });
  else if (done.length === 0) terminal.say('nothing had to be repaired');
  return 0;
}
