import fs from 'node:fs';
import path from 'node:path';
import type SQLite from 'better-sqlite3';
import { Kysely } from 'kysely';
import { DatabaseError, explainSqliteError } from '../base/errors.ts';
import { migrateToLatest } from '../schema/migrations.ts';
import type { Schema } from '../schema/schema.ts';
import { ImmediateSqliteDialect } from './dialect.ts';
import { assertOwnSchema, DATABASE_FILE, isLatest, type OpenedDatabase } from './open-database.ts';
import { unsafe } from './safe-files.ts';
import { openSqlite } from './sqlite.ts';

/** A history of 100 000 runs takes a quarter of this. */
const MAX_BYTES = 256 * 1024 * 1024;
/**
 * Where the header says which kind of journal the file has
 * (https://www.sqlite.org/fileformat2.html).
 */
const [WRITE_VERSION, READ_VERSION] = [18, 19];
const ROLLBACK_JOURNAL = 1;
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;

/**
 * Opens a copy in memory of `.devs.db` in `dir`, as it was at its last checkpoint; null where there
 * is none. SQLite sees the bytes alone, so nothing on disk is locked, recovered, created or
 * changed, whatever the file holds. For questions that must not write, and for a database that
 * cannot be opened where it is.
 * @throws DatabaseError `DEVS_DB_UNSAFE`, `DEVS_DB_NOT_SQLITE`, `DEVS_DB_DAMAGED`,
 * `DEVS_DB_UNREADABLE`.
 */
export async function openCopy(dir: string): Promise<OpenedDatabase | null> {
  const file = path.join(dir, DATABASE_FILE);
  const bytes = readBounded(file);
  if (bytes === null) return null;
  let sqlite: SQLite.Database | undefined;
  try {
    if (bytes.length > READ_VERSION) bytes[WRITE_VERSION] = bytes[READ_VERSION] = ROLLBACK_JOURNAL;
    const opened = openSqlite(bytes);
    sqlite = opened;
    sqlite.exec('pragma trusted_schema = OFF; pragma foreign_keys = ON');
    assertOwnSchema(sqlite, file);
    const db = new Kysely<Schema>({ dialect: new ImmediateSqliteDialect({ database: sqlite }, file) });
    if (!isLatest(sqlite)) await migrateToLatest(db);
    const close = async () => {
      await db.destroy();
      opened.close();
    };
    return { db, path: file, close };
  } catch (error) {
    sqlite?.close();
    throw explainSqliteError(file, error);
  }
}

function readBounded(file: string): Buffer | null {
  let fd: number;
  try {
    fd = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    if (code === 'ELOOP') throw unsafe(file, 'is a symbolic link', error);
    throw new DatabaseError('DEVS_DB_UNREADABLE', `${file} cannot be read: ${code}`, {
      hint: ['ls', '-l', file],
      path: file,
      cause: error,
    });
  }
  try {
    const stat = fs.fstatSync(fd);
    if (!stat.isFile()) throw unsafe(file, 'is no regular file');
    if (stat.size > MAX_BYTES) throw unsafe(file, `is ${stat.size} bytes long`);
    const bytes = Buffer.alloc(stat.size);
    return bytes.subarray(0, fs.readSync(fd, bytes, 0, stat.size, 0));
  } finally {
    fs.closeSync(fd);
  }
}
