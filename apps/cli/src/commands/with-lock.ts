import { findRepository } from '@devs/snapshot';
import { type LockedProject, lockProject } from '../project/lock-project.ts';
import type { CommandContext } from './context.ts';

/** Locks the project for a command of devs's own; dispose it. */
export function lockFor({ cwd, terminal, env }: CommandContext, name: string): Promise<LockedProject> {
  const request = { taskId: name, command: `devs ${name}`, parentLockId: env.DEVS_LOCK_ID, lazyHeartbeat: true };
  return lockProject(findRepository(cwd), request, terminal.event);
}
