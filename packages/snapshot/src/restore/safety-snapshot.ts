import { AtomicSnapshotError } from '../base/errors.ts';
import type { Repository } from '../git/repository.ts';
import type { LoadedSnapshot } from '../snapshot/load-snapshot.ts';
import { takeWithExtras } from '../snapshot/take.ts';
import type { TakeRequest } from '../snapshot/take-context.ts';
import type { TakeReport } from '../snapshot/take-options.ts';

/** What a present that cannot be captured as a whole is told by. */
const UNSOUND: ReadonlySet<string> = new Set([
  'DEVS_REF_INVALID',
  'DEVS_INDEX_INVALID',
  'DEVS_SHARED_INDEX_MISSING',
  'DEVS_UNREADABLE',
  'DEVS_NAME_TOO_LONG',
  'DEVS_OBJECT_MISSING',
  'DEVS_OBJECT_DAMAGED',
]);

/**
 * Takes the safety snapshot of a restore of `target`.
 * @throws AtomicSnapshotError as `AtomicSnapshot.take`
 */
export function takeSafety(repo: Repository, request: TakeRequest, target: LoadedSnapshot): Promise<TakeReport> {
  if (request.extras.isTolerant === true) return takeWithExtras(repo, request);
  return orLeave(target, () => takeWithExtras(repo, request));
}

/**
 * Reads the present before a restore of `target` that is not forced. Where the present is damaged,
 * the error says that it can be left all the same.
 */
export async function orLeave<T>(target: LoadedSnapshot, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof AtomicSnapshotError) || !UNSOUND.has(error.code)) throw error;
    const way =
      '--force restores all the same: the safety snapshot keeps what can be read, and the report says what it lacks';
    throw new AtomicSnapshotError(error.code, `${error.message}\n${way}`, {
      hint: ['devs', 'restore', target.runId ?? target.id, '--force'],
      data: error.data,
      cause: error,
    });
  }
}
