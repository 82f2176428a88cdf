import { findProject } from '../project/find-project.ts';
import { type LockedProject, lockProject } from '../project/lock-project.ts';
import type { CommandContext } from './context.ts';

/** Locks the project for a command of devs's own; dispose it. */
export function lockFor(context: CommandContext, name: string): Promise<LockedProject> {
  const { terminal, env } = context;
  const request = { taskId: name, command: `devs ${name}`, parentLockId: env.DEVS_LOCK_ID, lazyHeartbeat: true };
  return lockProject(findProject(context), request, terminal.event);
}
