import type { Emit } from '../project/events.ts';
import { findProject } from '../project/find-project.ts';
import { type LockedProject, lockProject } from '../project/lock-project.ts';
import { stateOf } from '../project/project-state.ts';
import type { CommandContext } from './context.ts';

/** Locks the project for a command of devs's own; dispose it. `emit` is told what was repaired. */
export function lockFor(context: CommandContext, name: string, emit?: Emit): Promise<LockedProject> {
  const { terminal, env } = context;
  const request = { taskId: name, command: `devs ${name}`, parentLockId: env.DEVS_LOCK_ID, lazyHeartbeat: true };
  return lockProject(findProject(context), request, emit ?? terminal.event);
}

/** As `lockFor`; null, and nothing is created, where nothing has run yet. */
export async function lockIfUsed(context: CommandContext, name: string, emit?: Emit): Promise<LockedProject | null> {
  return (await stateOf(findProject(context))) === 'none yet' ? null : await lockFor(context, name, emit);
}
