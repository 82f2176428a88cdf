import { environmentFrom, findRepository, type Repository } from '@devs/snapshot';

/** Where the user stands, and the environment that says what git would see there. */
export interface Standpoint {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * The repository that git would work on. Every command finds it here, so that all see the same
 * environment.
 */
export function findProject({ cwd, env }: Standpoint): Repository {
  return findRepository(cwd, environmentFrom(env));
}
