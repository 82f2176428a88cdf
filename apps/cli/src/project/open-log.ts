import fs from 'node:fs';
import path from 'node:path';
import type { OpenOptions, RunLog } from '@devs/db';
import { AtomicSnapshot, type Repository } from '@devs/snapshot';
import type { Emit } from './events.ts';
import { excludeOwnFiles } from './exclude.ts';
import { databaseDirectory } from './project-state.ts';
import { type RepairOptions, repair } from './repair.ts';

export interface OpenLog {
  readonly log: RunLog;
  close(): Promise<void>;
}

/**
 * Imported when it is needed: SQLite and Kysely load slower than the lock, and other threads can
 * work meanwhile.
 */
async function openLog(repo: Repository, options: OpenOptions): Promise<OpenLog> {
  const { openDatabase, RunLog } = await import('@devs/db');
  const { db, close } = await openDatabase(databaseDirectory(repo), options);
  return { log: new RunLog(db), close };
}

/** Null where there is no database: this creates none. */
export async function openLogIfThere(repo: Repository, options: OpenOptions): Promise<OpenLog | null> {
  const { DATABASE_FILE } = await import('@devs/db');
  const isThere = fs.lstatSync(path.join(databaseDirectory(repo), DATABASE_FILE), { throwIfNoEntry: false });
  return isThere === undefined ? null : await openLog(repo, options);
}

/**
 * The history as it was at its last checkpoint, in memory; null where there is none. Changes
 * nothing on disk.
 */
export async function openLogCopy(repo: Repository): Promise<OpenLog | null> {
  const { openCopy, RunLog } = await import('@devs/db');
  const opened = await openCopy(databaseDirectory(repo));
  return opened && { log: new RunLog(opened.db), close: opened.close };
}

/**
 * Opens the database and repairs what a killed predecessor left; a damaged database is replaced.
 * Needs the lock.
 */
export async function openRepaired(repo: Repository, emit: Emit, options: RepairOptions): Promise<OpenLog> {
  const { DATABASE_FILE, DatabaseError, replaceDamaged } = await import('@devs/db');
  const onWarning = ({ message }: { readonly message: string }) => emit({ type: 'database-recovered', message });
  for (let isNew = false; ; isNew = true) {
    AtomicSnapshot.makeOwnDirectory(repo);
    const database = await openLog(repo, { replaceDamaged: true, onWarning });
    try {
      excludeOwnFiles(repo);
      await repair(repo, database.log, emit, options);
      return database;
    } catch (error) {
      await database.close();
      if (isNew || !(error instanceof DatabaseError) || error.code !== 'DEVS_DB_DAMAGED') throw error;
      // The damage showed only when the rows were read.
      replaceDamaged(path.join(databaseDirectory(repo), DATABASE_FILE), { onWarning });
    }
  }
}
