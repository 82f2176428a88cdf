import path from 'node:path';
import type { OpenOptions, RunLog } from '@devs/db';
import type { Repository } from '@devs/snapshot';
import type { Emit } from './events.ts';
import { excludeOwnFiles } from './exclude.ts';
import { repair } from './repair.ts';

export interface OpenLog {
  readonly log: RunLog;
  close(): Promise<void>;
}

/** Loaded here: SQLite and Kysely take longer than the lock, and other threads can work meanwhile. */
export async function openLog(root: string, options: OpenOptions): Promise<OpenLog> {
  const { openDatabase, RunLog } = await import('@devs/db');
  const { db, close } = await openDatabase(root, options);
  return { log: new RunLog(db), close };
}

/** Opens the database and repairs what a killed predecessor left; a damaged database is replaced. Needs the lock. */
export async function openRepaired(repo: Repository, emit: Emit): Promise<OpenLog> {
  const { DATABASE_FILE, DatabaseError, replaceDamaged } = await import('@devs/db');
  const onWarning = ({ message }: { readonly message: string }) => emit({ type: 'database-recovered', message });
  for (let isNew = false; ; isNew = true) {
    const database = await openLog(repo.root, { replaceDamaged: true, onWarning });
    try {
      excludeOwnFiles(repo);
      await repair(repo, database.log, emit);
      return database;
    } catch (error) {
      await database.close();
      if (isNew || !(error instanceof DatabaseError) || error.code !== 'DEVS_DB_DAMAGED') throw error;
      // Damage that showed only when the rows were read.
      replaceDamaged(path.join(repo.root, DATABASE_FILE), { onWarning });
    }
  }
}
