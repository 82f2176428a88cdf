import fs from 'node:fs';
import { dirname } from 'node:path';
import { wasDatabase } from './damaged.ts';

/** Every code that this package throws; docs/errors.md has the cause and the way out of each. */
export const DATABASE_ERROR_CODES = [
  'DEVS_DB_BUSY',
  'DEVS_DB_DAMAGED',
  'DEVS_DB_FAILED',
  'DEVS_DB_FULL',
  'DEVS_DB_NOT_SQLITE',
  'DEVS_DB_UNREADABLE',
  'DEVS_DB_UNSAFE',
  'DEVS_DB_UNWRITABLE',
] as const;

export type DatabaseErrorCode = (typeof DATABASE_ERROR_CODES)[number];

/** Codes of what was put right while the database was opened. */
export const DATABASE_WARNING_CODES = ['DEVS_DB_RECOVERED', 'DEVS_DB_REPLACED'] as const;

export type DatabaseWarningCode = (typeof DATABASE_WARNING_CODES)[number];

/**
 * A command that shows more or is the way out, as its words: the program that prints it quotes them
 * for a shell.
 */
type Hint = readonly [program: string, ...words: string[]];

/** Why the database could not be opened. `code` is stable; `hint` says what to do about it. */
export class DatabaseError extends Error {
  readonly code: DatabaseErrorCode;
  readonly hint: Hint | undefined;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(
    code: DatabaseErrorCode,
    message: string,
    options: { readonly hint?: Hint; readonly path: string; readonly cause: unknown },
  ) {
    super(message, { cause: options.cause });
    this.name = 'DatabaseError';
    this.code = code;
    this.hint = options.hint;
    this.data = { path: options.path };
  }
}

/**
 * SQLite's own words for what is wrong with the file, as errors a user can act on; any other error
 * unchanged.
 */
export function explainSqliteError(path: string, error: unknown): unknown {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string' || !code.startsWith('SQLITE_')) return error;
  const aside: Hint = ['mv', path, `${path}.aside`];
  const known = (name: DatabaseErrorCode, what: string, hint?: Hint) =>
    new DatabaseError(name, `${path} ${what}`, { path, cause: error, ...(hint === undefined ? {} : { hint }) });
  if (code === 'SQLITE_NOTADB' && !wasDatabase(path))
    return known('DEVS_DB_NOT_SQLITE', 'is not an SQLite database; it was left alone', aside);
  if (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT'))
    return known('DEVS_DB_DAMAGED', `is damaged: ${(error as Error).message}`, ['devs', 'recover']);
  if (code.startsWith('SQLITE_BUSY')) return known('DEVS_DB_BUSY', 'is in use by another process');
  if (isFull(path, code)) return known('DEVS_DB_FULL', 'cannot grow: the disk is full', ['df', '-h', '.']);
  if (code.startsWith('SQLITE_CANTOPEN') || code.startsWith('SQLITE_READONLY') || code.startsWith('SQLITE_PERM')) {
    return known('DEVS_DB_UNWRITABLE', 'cannot be opened for writing', ['ls', '-l', path]);
  }
  return known('DEVS_DB_FAILED', `failed: ${(error as Error).message}`);
}

/** Errors of write(2) and ftruncate(2), which also a full disk makes. */
const FAILED_WRITES: ReadonlySet<string> = new Set([
  'SQLITE_IOERR_WRITE',
  'SQLITE_IOERR_SHMSIZE',
  'SQLITE_IOERR_FSYNC',
]);

/** A page that a shared memory file is grown by. */
const LEAST_FREE_BYTES = 32 * 1024;

function isFull(file: string, code: string): boolean {
  if (code === 'SQLITE_FULL') return true;
  if (!FAILED_WRITES.has(code)) return false;
  const { bavail, bsize } = fs.statfsSync(dirname(file));
  return bavail * bsize < LEAST_FREE_BYTES;
}
