import { type AcquireOptions, type HeldStateLock, StateLock } from '@devs/lock';
import { AtomicSnapshot, type Repository } from '@devs/snapshot';
import { acquireRootLock } from './root-record.ts';

/**
 * The lock of a project: a record in the git directory, which decides, and one with the same id at
 * the project root, for people and for other programs that look there. Commands run `git clean
 * -fdx`, `git stash -u` and `git add -A`: a root record that is removed, stashed or committed while
 * the first is held is put back, and ends no run.
 */
export class ProjectLock {
  readonly id: string;
  /**
   * Aborted when the lock was lost: the deciding record is gone, or a living process has the
   * root's.
   */
  readonly signal: AbortSignal;
  readonly #main: HeldStateLock;
  /** Null where a file of the repository has the record's name. */
  readonly #root: HeldStateLock | null;

  private constructor(main: HeldStateLock, root: HeldStateLock | null) {
    this.id = main.id;
    this.signal = (root ?? main).signal;
    this.#main = main;
    this.#root = root;
  }

  /** @throws what `StateLock.acquire` throws: either record may be another run's. */
  static async acquire(repo: Repository, taskId: string, options: AcquireOptions): Promise<ProjectLock> {
    const main = await StateLock.acquire(AtomicSnapshot.makeOwnDirectory(repo), taskId, options);
    try {
      return new ProjectLock(main, await acquireRootLock(repo, taskId, { ...options, decidedBy: main }));
    } catch (error) {
      await main.release();
      throw error;
    }
  }

  /** Throws `DEVS_LOCK_LOST` unless this process still holds the lock at this moment. */
  assertHeld(): void {
    this.#main.assertHeld();
    this.#root?.assertHeld();
  }

  async release(): Promise<void> {
    try {
      await this.#root?.release();
    } finally {
      await this.#main.release();
    }
  }
}
