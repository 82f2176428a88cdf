import { AtomicSnapshotError, codeOf } from '../base/errors.ts';

/**
 * Runs `work`, which moves a temporary file into the object store. `git prune` removes such files,
 * and empty directories of the store, whatever their age: then the objects have to be written
 * again.
 * @throws AtomicSnapshotError `DEVS_REPOSITORY_BUSY`
 */
export function orPruned(dir: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw prunedMeanwhile(dir, error);
  }
}

export function prunedMeanwhile(dir: string, cause?: unknown): AtomicSnapshotError {
  return new AtomicSnapshotError(
    'DEVS_REPOSITORY_BUSY',
    `a git prune or gc removes from ${dir} what is being written there; no snapshot was taken`,
    { hint: ['git', 'count-objects', '-v'], data: { path: dir }, cause },
  );
}
