import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { AtomicSnapshotError, codeOf } from './errors.ts';

export function temporaryName(): string {
  return randomBytes(6).toString('hex');
}

/** Makes the names in `dir` durable. Windows has no such call and flushes names with the file. */
export function flushDirectory(dir: string): void {
  if (process.platform === 'win32') return;
  const fd = fs.openSync(dir, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Writes all of `chunks` to a new file and flushes it. The file must not exist. */
export function writeNewFile(file: string, chunks: readonly Uint8Array[], mode = 0o666): void {
  const fd = fs.openSync(file, 'wx', mode);
  try {
    for (const chunk of chunks) writeAll(fd, chunk);
    fs.fsyncSync(fd);
  } catch (error) {
    removeIfThere(file);
    throw error;
  } finally {
    fs.closeSync(fd);
  }
}

export function writeAll(fd: number, chunk: Uint8Array): void {
  let offset = 0;
  while (offset < chunk.length) offset += fs.writeSync(fd, chunk, offset);
}

/** Whole or absent, and durable on return: a temporary file beside it, flush, rename, flush of the directory. */
export function replaceFile(file: string, bytes: Uint8Array): void {
  const temporary = `${file}.tmp.${temporaryName()}`;
  writeNewFile(temporary, [bytes]);
  renameOver(temporary, file);
  flushDirectory(path.dirname(file));
}

export function renameOver(temporary: string, file: string): void {
  try {
    fs.renameSync(temporary, file);
  } catch (error) {
    removeIfThere(temporary);
    throw error;
  }
}

export function removeIfThere(file: string | Buffer): boolean {
  try {
    fs.unlinkSync(file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

export function readIfThere(file: string | Buffer): Buffer | null {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
    throw error;
  }
}

export function readTextIfThere(file: string): string | null {
  return readIfThere(file)?.toString('utf8') ?? null;
}

/**
 * Runs `work` under git's own lock for `file`: `<file>.lock`, created exclusively. `work` returns the new content, or
 * null to leave the file as it is; the lock becomes the file by rename.
 * @throws AtomicSnapshotError `DEVS_GIT_LOCKED` when another process holds the lock.
 */
export function updateUnderGitLock(file: string, work: () => Uint8Array | null): void {
  const lock = `${file}.lock`;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const fd = openGitLock(lock);
  let done = false;
  try {
    const bytes = work();
    if (bytes !== null) {
      writeAll(fd, bytes);
      fs.fsyncSync(fd);
      fs.renameSync(lock, file);
      done = true;
    }
  } finally {
    fs.closeSync(fd);
    if (!done) removeIfThere(lock);
  }
  if (done) flushDirectory(path.dirname(file));
}

/** Opens a new git lock file; see `updateUnderGitLock`. */
export function openGitLock(lock: string): number {
  try {
    return fs.openSync(lock, 'wx');
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    throw new AtomicSnapshotError('DEVS_GIT_LOCKED', `${lock} exists: a git command is running, or one was killed`, {
      hint: `rm '${lock}'   # only when no git command is running`,
      data: { path: lock },
      cause: error,
    });
  }
}
