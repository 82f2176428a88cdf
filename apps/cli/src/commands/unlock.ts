import { StateLock } from '@devs/lock';
import type { Repository } from '@devs/snapshot';
import { CliError, EXIT_HELD } from '../base/errors.ts';
import { describeProcesses, survivorsOf } from '../processes/surviving-processes.ts';
import { findProject } from '../project/find-project.ts';
import { inspectProject, lockDirectories } from '../project/project-state.ts';
import type { CommandContext } from './context.ts';

/**
 * `devs unlock`: removes the lock that has this id, and no other. That of a living or unknown
 * holder needs `--force`.
 */
export async function unlock(
  context: CommandContext,
  id: string,
  flags: { readonly force?: boolean },
): Promise<number> {
  const { terminal } = context;
  const repo = findProject(context);
  const status = await inspectProject(repo);
  if (flags.force === true && status.state === 'held') {
    const { pid, task_id } = status.lock;
    terminal.warn(
      `pid ${pid} (task ${task_id}) is alive and goes on until it notices: another run may overlap with it`,
    );
  }
  const survivors = status.state === 'dead' ? survivorsOf(status.lock) : [];
  if (survivors.length > 0 && flags.force !== true) {
    throw new CliError(
      'DEVS_LOCK_ORPHANS',
      `its holder is dead, but processes it started are still running: ${describeProcesses(survivors)}`,
      { hint: ['devs', 'unlock', id, '--force'], exitCode: EXIT_HELD, data: { processes: survivors } },
    );
  }
  await unlockBoth(repo, id, flags.force === true);
  if (terminal.options.json) terminal.json({ type: 'unlock', id, was: status });
  else terminal.say(status.state === 'free' ? 'there was no lock' : `removed the lock ${id}`);
  return 0;
}

/**
 * The record that decides goes first: its holder puts the other one back for as long as it has it.
 */
async function unlockBoth(repo: Repository, id: string, force: boolean): Promise<void> {
  let isUnlocked = false;
  for (const dir of lockDirectories(repo)) {
    const status = await StateLock.inspect(dir);
    if (status.state === 'free' || (isUnlocked && status.lock.id !== id)) continue;
    await StateLock.unlock(dir, id, { force });
    isUnlocked = true;
  }
}
