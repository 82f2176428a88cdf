import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { DatabaseError } from '../base/errors.ts';

// SQLite believes the directory that a database lies in: it follows a link at the file's name, and
// where a hot rollback journal names a super-journal it deletes every file that is named there
// (https://www.sqlite.org/atomiccommit.html#_multi_file_commit). So nothing is opened that devs has
// not made itself. What other programs of the same user do between this look and the opening is
// beyond it: docs/threat-model.md.

/** SQLite has a rollback journal for a moment while a new database gets its write-ahead log. */
const JOURNAL_GRACE_MS = 1_000;

/**
 * @throws DatabaseError `DEVS_DB_UNSAFE` unless `file`, and the write-ahead log beside it, are
 * absent or regular files of this user with one name, no rollback journal lies beside them, and
 * only this user may write to the directory.
 */
export function assertSafeFiles(file: string): void {
  assertOwnDirectory(path.dirname(file));
  for (const part of ['', '-wal', '-shm']) assertOwnFile(file + part);
  const journal = `${file}-journal`;
  const started = performance.now();
  while (fs.lstatSync(journal, { throwIfNoEntry: false }) !== undefined) {
    if (performance.now() - started > JOURNAL_GRACE_MS)
      throw unsafe(journal, 'is a rollback journal, which devs never leaves');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  }
}

function assertOwnDirectory(dir: string): void {
  const stat = fs.statSync(dir, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isDirectory()) throw unsafe(dir, 'is not a directory');
  if (!isOwn(stat)) throw unsafe(dir, `belongs to user ${stat.uid}`);
  if (process.platform !== 'win32' && (stat.mode & 0o022) !== 0) throw unsafe(dir, 'can be written to by other users');
}

function assertOwnFile(file: string): void {
  const stat = fs.lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (stat.isSymbolicLink()) throw unsafe(file, 'is a symbolic link');
  if (!stat.isFile()) throw unsafe(file, stat.isDirectory() ? 'is a directory' : 'is not a regular file');
  if (!isOwn(stat)) throw unsafe(file, `belongs to user ${stat.uid}`);
  if (stat.nlink !== 1) throw unsafe(file, `has ${stat.nlink} names`);
  if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0) fs.chmodSync(file, stat.mode & 0o700);
}

function isOwn({ uid }: fs.Stats): boolean {
  return process.geteuid === undefined || uid === process.geteuid();
}

/** For what is not devs's own, so that it is not opened. */
export function unsafe(file: string, what: string, cause?: unknown): DatabaseError {
  const hint = ['ls', '-ld', file] as const;
  return new DatabaseError('DEVS_DB_UNSAFE', `${file} ${what}; it was not opened`, { hint, path: file, cause });
}
