import fs from 'node:fs';
import path from 'node:path';
import type SQLite from 'better-sqlite3';
import { Kysely } from 'kysely';
import { moveAside } from '../base/damaged.ts';
import { DatabaseError, type DatabaseWarningCode, explainSqliteError } from '../base/errors.ts';
import { latestMigration, migrateToLatest } from '../schema/migrations.ts';
import type { Schema } from '../schema/schema.ts';
import { ImmediateSqliteDialect } from './dialect.ts';
import { openSqlite } from './sqlite.ts';

export const DATABASE_FILE = '.devs.db';
const BUSY_TIMEOUT_MS = 10_000;

export interface OpenOptions {
  /** Whether a living run may be using the database; its write-ahead log is then left to it. Default: no. */
  readonly hasLiveRun?: () => boolean | Promise<boolean>;
  /**
   * Moves a damaged database aside and begins an empty one, with a warning. Only for the holder of the lock: nobody else
   * may be using it. Default: it is refused.
   */
  readonly replaceDamaged?: boolean;
  /** Milliseconds that a statement waits for another process's write. Default 10 000. */
  readonly busyTimeoutMs?: number;
  /** Called when a killed process left its write-ahead log behind, and when a damaged database was moved aside. */
  readonly onWarning?: (warning: RecoveryWarning) => void;
}

export interface RecoveryWarning {
  readonly code: DatabaseWarningCode;
  readonly message: string;
  /** The files found, or the name that the damaged database has now. */
  readonly files: readonly string[];
}

export interface OpenedDatabase {
  readonly db: Kysely<Schema>;
  readonly path: string;
  close(): Promise<void>;
}

/**
 * Opens `.devs.db` in `cwd`, creating it where there is none. Before any query: the write-ahead log of a killed process
 * is moved into the database (every committed row of it is kept), then the schema is brought to the newest version.
 * Commits reach the disk before they return (`synchronous = FULL`).
 * @throws DatabaseError `DEVS_DB_NOT_SQLITE`, `DEVS_DB_DAMAGED`, `DEVS_DB_UNWRITABLE`, `DEVS_DB_BUSY`, `DEVS_DB_FULL`.
 */
export async function openDatabase(cwd: string, options: OpenOptions = {}): Promise<OpenedDatabase> {
  const file = path.join(cwd, DATABASE_FILE);
  try {
    return await open(file, options);
  } catch (error) {
    const isDamaged = error instanceof DatabaseError && error.code === 'DEVS_DB_DAMAGED';
    if (!isDamaged || options.replaceDamaged !== true) throw error;
    replaceDamaged(file, options);
    return await open(file, options);
  }
}

/** Moves a database that proved damaged aside; the next opening begins an empty one. Only for the holder of the lock. */
export function replaceDamaged(file: string, { onWarning }: Pick<OpenOptions, 'onWarning'>): void {
  const aside = moveAside(file);
  onWarning?.({
    code: 'DEVS_DB_REPLACED',
    message: `${file} was damaged: it is ${path.basename(aside)} now, and a new one was begun`,
    files: [aside],
  });
}

async function open(file: string, options: OpenOptions): Promise<OpenedDatabase> {
  let sqlite: SQLite.Database | undefined;
  try {
    const leftovers = [`${file}-wal`, `${file}-shm`].filter((name) => fs.existsSync(name));
    const recover = leftovers.length > 0 && !(await options.hasLiveRun?.());
    const { busyTimeoutMs = BUSY_TIMEOUT_MS } = options;
    const opened = openSqlite(file, { timeout: busyTimeoutMs });
    sqlite = opened;
    if (recover) checkpointLeftovers(sqlite, leftovers, options);
    pragmaWhenFree(sqlite, 'journal_mode = WAL', busyTimeoutMs);
    sqlite.exec('pragma synchronous = FULL; pragma foreign_keys = ON');
    const db = new Kysely<Schema>({ dialect: new ImmediateSqliteDialect({ database: sqlite }, file) });
    if (!isLatest(sqlite)) await migrateToLatest(db);
    return { db, path: file, close: () => close(db, opened) };
  } catch (error) {
    sqlite?.close();
    throw explainSqliteError(file, error);
  }
}

/** Kysely closes only what it has used. */
async function close(db: Kysely<Schema>, sqlite: SQLite.Database): Promise<void> {
  await db.destroy();
  sqlite.close();
}

function checkpointLeftovers(sqlite: SQLite.Database, files: readonly string[], options: OpenOptions): void {
  const names = files.map((file) => path.basename(file)).join(' and ');
  pragmaWhenFree(sqlite, 'wal_checkpoint(TRUNCATE)', options.busyTimeoutMs ?? BUSY_TIMEOUT_MS);
  options.onWarning?.({
    code: 'DEVS_DB_RECOVERED',
    message: `${names} left behind by a killed process: its committed rows were moved into ${DATABASE_FILE}`,
    files,
  });
}

/**
 * Two processes that open a new database at once both switch its journal mode, and SQLite does not wait for that lock:
 * it answers SQLITE_BUSY at once (https://www.sqlite.org/c3ref/busy_handler.html). So the wait is ours.
 */
function pragmaWhenFree(sqlite: SQLite.Database, pragma: string, busyTimeoutMs: number): void {
  let started: number | undefined;
  for (;;) {
    try {
      sqlite.exec(`pragma ${pragma}`);
      return;
    } catch (error) {
      const code = (error as { code?: string }).code ?? '';
      if (!code.startsWith('SQLITE_BUSY')) throw error;
      started ??= performance.now();
      if (performance.now() - started > busyTimeoutMs) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5 + Math.random() * 20);
    }
  }
}

/** One query instead of the migrator's several, for the usual case. */
export function isLatest(sqlite: SQLite.Database): boolean {
  const known = sqlite.prepare("select 1 from sqlite_master where type = 'table' and name = 'kysely_migration'").get();
  if (known === undefined) return false;
  return sqlite.prepare('select 1 from kysely_migration where name = ?').get(latestMigration) !== undefined;
}
