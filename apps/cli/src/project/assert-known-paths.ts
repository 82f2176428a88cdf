import { AtomicSnapshot, type Repository } from '@devs/snapshot';
import { CliError, EXIT_USAGE } from '../base/errors.ts';

/**
 * A path that neither a state nor the work tree has is a mistake, not a wish that is fulfilled
 * already.
 * @throws CliError `DEVS_PATH_UNKNOWN`
 */
export async function assertKnownPaths(
  repo: Repository,
  snapshots: readonly (string | null)[],
  paths: readonly string[],
): Promise<void> {
  const states = snapshots.filter((snapshot) => snapshot !== null);
  const [unknown] = await AtomicSnapshot.unknownPaths(repo, states, paths);
  if (unknown === undefined) return;
  throw new CliError('DEVS_PATH_UNKNOWN', `no state holds ${unknown}, and it is not in the work tree`, {
    hint: ['git', '-C', repo.root, 'ls-files'],
    exitCode: EXIT_USAGE,
    data: { path: unknown, root: repo.root },
  });
}
