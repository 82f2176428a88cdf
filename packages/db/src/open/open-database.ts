import fs from 'node:fs';
import path from 'node:path';
import type SQLite from 'better-sqlite3';
import { Kysely } from 'kysely';
import { moveAside } from '../base/damaged.ts';
import { DatabaseError, type DatabaseErrorCode, type DatabaseWarningCode, explainSqliteError } from '../base/errors.ts';
import { latestMigration, migrateToLatest } from '../schema/migrations.ts';
import { judgeSchema } from '../schema/plain-schema.ts';
import type { Schema } from '../schema/schema.ts';
import { ImmediateSqliteDialect } from './dialect.ts';
import { assertSafeFiles, unsafe } from './safe-files.ts';
import { openSqlite } from './sqlite.ts';

export const DATABASE_FILE = '.devs.db';
const BUSY_TIMEOUT_MS = 10_000;
/**
 * Functions and tables that a schema names are not trusted to be harmless
 * (https://www.sqlite.org/pragma.html#pragma_trusted_schema).
 */
const SETTINGS = 'pragma trusted_schema = OFF; pragma foreign_keys = ON';

export interface OpenOptions {
  /**
   * Whether a living run may be using the database; its write-ahead log is then left to it.
   * Default: no.
   */
  readonly hasLiveRun?: () => boolean | Promise<boolean>;
  /**
   * Moves a damaged database aside and begins an empty one, with a warning. Only for the holder of
   * the lock: no other process may be using it. Default: it is refused.
   */
  readonly replaceDamaged?: boolean;
  /** Milliseconds that a statement waits for another process's write. Default 10 000. */
  readonly busyTimeoutMs?: number;
  /**
   * Called when a killed process left its write-ahead log behind, and when a damaged database was
   * moved aside.
   */
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
 * Opens `.devs.db` in `cwd`, creating it where there is none. Before any query: the write-ahead log
 * of a killed process is moved into the database (every committed row of it is kept), then the
 * schema is brought to the newest version. Commits reach the disk before they return (`synchronous
 * = FULL`). Nothing is opened that devs did not make.
 * @throws DatabaseError `DEVS_DB_UNSAFE`, `DEVS_DB_NOT_SQLITE`, `DEVS_DB_DAMAGED`,
 * `DEVS_DB_UNWRITABLE`, `DEVS_DB_BUSY`, `DEVS_DB_FULL`.
 */
export async function openDatabase(cwd: string, options: OpenOptions = {}): Promise<OpenedDatabase> {
  const file = path.join(cwd, DATABASE_FILE);
  try {
    return await open(file, options);
  } catch (error) {
    if (options.replaceDamaged !== true || !isReplaceable(error)) throw error;
    replaceDamaged(file, options);
    return await open(file, options);
  }
}

const REPLACEABLE: ReadonlySet<DatabaseErrorCode> = new Set([
  'DEVS_DB_DAMAGED',
  'DEVS_DB_NOT_SQLITE',
  'DEVS_DB_UNSAFE',
]);

function isReplaceable(error: unknown): boolean {
  return error instanceof DatabaseError && REPLACEABLE.has(error.code);
}

/**
 * Moves a database that proved damaged, or what lies in its place, aside; the next opening begins
 * an empty one. Only for the holder of the lock.
 */
export function replaceDamaged(file: string, { onWarning }: Pick<OpenOptions, 'onWarning'>): void {
  const aside = moveAside(file);
  onWarning?.({
    code: 'DEVS_DB_REPLACED',
    message: `${file} was damaged, or not devs's own: it is ${path.basename(aside)} now, and a new one was begun`,
    files: [aside],
  });
}

async function open(file: string, options: OpenOptions): Promise<OpenedDatabase> {
  let sqlite: SQLite.Database | undefined;
  try {
    assertSafeFiles(file);
    const leftovers = [`${file}-wal`, `${file}-shm`].filter((name) => fs.existsSync(name));
    createIfMissing(file);
    const recover = leftovers.length > 0 && !(await options.hasLiveRun?.());
    const { busyTimeoutMs = BUSY_TIMEOUT_MS } = options;
    const opened = openSqlite(file, { timeout: busyTimeoutMs });
    sqlite = opened;
    sqlite.exec(SETTINGS);
    whenFree(() => assertOwnSchema(opened, file), busyTimeoutMs);
    if (recover) checkpointLeftovers(sqlite, leftovers, options);
    whenFree(() => opened.exec('pragma journal_mode = WAL'), busyTimeoutMs);
    sqlite.exec('pragma synchronous = FULL');
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
  whenFree(() => sqlite.exec('pragma wal_checkpoint(TRUNCATE)'), options.busyTimeoutMs ?? BUSY_TIMEOUT_MS);
  options.onWarning?.({
    code: 'DEVS_DB_RECOVERED',
    message: `${names} left behind by a killed process: its committed rows were moved into ${DATABASE_FILE}`,
    files,
  });
}

/**
 * Two processes that open a new database at once both switch its journal mode, and SQLite does not
 * wait for that lock: it answers SQLITE_BUSY at once
 * (https://www.sqlite.org/c3ref/busy_handler.html). So the wait is ours.
 */
function whenFree<T>(work: () => T, busyTimeoutMs: number): T {
  let started: number | undefined;
  for (;;) {
    try {
      return work();
    } catch (error) {
      const code = (error as { code?: string }).code ?? '';
      if (!code.startsWith('SQLITE_BUSY')) throw error;
      started ??= performance.now();
      if (performance.now() - started > busyTimeoutMs) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5 + Math.random() * 20);
    }
  }
}

/**
 * Creates an empty file that only this user may read; SQLite gives its write-ahead log the same
 * permissions.
 */
function createIfMissing(file: string): void {
  try {
    fs.closeSync(fs.openSync(file, 'wx', 0o600));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    throw new DatabaseError('DEVS_DB_UNWRITABLE', `${file} cannot be created: ${code}`, {
      hint: ['ls', '-ld', path.dirname(file)],
      path: file,
      cause: error,
    });
  }
}

/**
 * @throws DatabaseError `DEVS_DB_UNSAFE` where the schema has what devs never makes,
 * `DEVS_DB_DAMAGED` where it lacks some.
 */
export function assertOwnSchema(sqlite: SQLite.Database, file: string): void {
  const { foreign, isComplete } = judgeSchema(sqlite);
  if (foreign !== null) throw unsafe(file, `has ${foreign}, which devs does not make`);
  if (isComplete || !isLatest(sqlite)) return;
  throw new DatabaseError('DEVS_DB_DAMAGED', `${file} is damaged: it lacks tables or columns`, {
    hint: ['devs', 'recover'],
    path: file,
    cause: undefined,
  });
}

/** One query instead of the migrator's several, for the usual case. */
export function isLatest(sqlite: SQLite.Database): boolean {
  const known = sqlite.prepare("select 1 from sqlite_master where type = 'table' and name = 'kysely_migration'").get();
  if (known === undefined) return false;
  return sqlite.prepare('select 1 from kysely_migration where name = ?').get(latestMigration) !== undefined;
}
