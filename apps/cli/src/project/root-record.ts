import fs from 'node:fs';
import path from 'node:path';
import { type AcquireOptions, type HeldStateLock, StateLock, StateLockError } from '@devs/lock';
import { AtomicSnapshot, AtomicSnapshotError, type Repository } from '@devs/snapshot';

/** The lock record at the project root. */
const ROOT_RECORD = '.devs-state.lock';

/**
 * What lies at the root's record. One that the index or HEAD has came with the repository: it is a
 * stranger's file, which locks nothing and is left alone. Git is asked only where something lies
 * there.
 */
export function rootRecordKind(repo: Repository): 'nothing' | 'a lock' | "a stranger's file" {
  if (fs.lstatSync(path.join(repo.root, ROOT_RECORD), { throwIfNoEntry: false }) === undefined) return 'nothing';
  try {
    return AtomicSnapshot.isTracked(repo, ROOT_RECORD) ? "a stranger's file" : 'a lock';
  } catch (error) {
    // An index or HEAD that is damaged, or may not be read, says nothing, and a lock that is
    // believed does no harm.
    if (error instanceof AtomicSnapshotError || (error as NodeJS.ErrnoException).code === 'EACCES') return 'a lock';
    throw error;
  }
}

/**
 * Null where a stranger's file has the name, or where nothing may be written at the root (a task's
 * `chmod 555 .`): the record in the git directory decides, and the restore that makes the root
 * writable again must be able to run.
 */
export async function acquireRootLock(
  repo: Repository,
  taskId: string,
  options: AcquireOptions,
): Promise<HeldStateLock | null> {
  if (rootRecordKind(repo) === "a stranger's file") return null;
  try {
    return await StateLock.acquire(repo.root, taskId, options);
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    return null;
  }
}

export function isUnwritable(error: unknown): boolean {
  return error instanceof StateLockError && error.code === 'DEVS_LOCK_UNWRITABLE';
}
