import fs from 'node:fs';
import path from 'node:path';
import { type LockData, type LockStatus, StateLock } from '@devs/lock';
import { AtomicSnapshot, type Repository } from '@devs/snapshot';
import { rootRecordKind } from './root-record.ts';

/**
 * Where the history of a project's runs is: in the git directory of its work tree. What lies in the
 * work tree itself came with a clone or a checkout as easily as from devs, and is never opened as a
 * database.
 */
export function databaseDirectory(repo: Repository): string {
  return path.join(repo.gitDir, 'devs');
}

/**
 * What a command finds before it opens a project. `held`: a process has the lock, so nothing may be
 * repaired. `none yet`: devs never ran here, and a question must not change that. `sound`: it can
 * be opened as it is. `needs repair`: a killed devs, or a lost database, left something to be put
 * right.
 */
export type ProjectState = 'held' | 'none yet' | 'sound' | 'needs repair';

/** Judges by what lies in the file system; whether the rows are sound shows when they are read. */
export async function stateOf(repo: Repository): Promise<ProjectState> {
  if ((await inspectProject(repo)).state !== 'free') return 'held';
  const file = path.join(databaseDirectory(repo), '.devs.db');
  if (!isThere(file)) return (await hasHistory(repo)) ? 'needs repair' : 'none yet';
  return isThere(`${file}-wal`) ? 'needs repair' : 'sound';
}

/**
 * Who holds the project's lock: the record in the git directory decides, then the one at the root.
 */
export async function inspectProject(repo: Repository): Promise<LockStatus> {
  for (const dir of lockDirectories(repo)) {
    const status = await StateLock.inspect(dir);
    if (status.state !== 'free') return status;
  }
  return { state: 'free' };
}

/** Where a record may lie that is a lock of this project, the deciding one first. */
export function lockDirectories(repo: Repository): string[] {
  const own = databaseDirectory(repo);
  return [...(isThere(own) ? [own] : []), ...(rootRecordKind(repo) === 'a lock' ? [repo.root] : [])];
}

/** Whether two records are of one process; a run has two. */
export function isSameHolder(a: LockData, b: LockData): boolean {
  return a.id === b.id && a.pid === b.pid && a.task_id === b.task_id;
}

/** Without a database, runs may still be known by their snapshots, and a restore by its journal. */
async function hasHistory(repo: Repository): Promise<boolean> {
  if (AtomicSnapshot.hasPendingRestore(repo)) return true;
  return (await AtomicSnapshot.list(repo)).some(({ runId }) => runId !== null);
}

function isThere(file: string): boolean {
  return fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}
