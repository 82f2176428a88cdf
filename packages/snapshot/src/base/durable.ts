import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { AtomicSnapshotError, codeOf } from './errors.ts';
import { notAFile, openOptional, openRegular } from './open-regular.ts';
import { openOrMake, RealDirectory } from './real-directory.ts';
import { sharedFile } from './shared-links.ts';
import { adjustShared, NOT_SHARED, type Sharing } from './sharing.ts';

const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;

export function temporaryName(): string {
  return randomBytes(6).toString('hex');
}

/** Makes the names in `dir` durable. */
export function flushDirectory(dir: string): void {
  using opened = RealDirectory.open(dir);
  opened?.flush();
}

/** Writes all of `chunks` to a new file and flushes it. The file must not exist. */
export function writeNewFile(file: string, chunks: readonly Uint8Array[], access: Access = {}): void {
  const { mode = 0o666, sharing = NOT_SHARED } = access;
  const fd = fs.openSync(file, 'wx', mode);
  try {
    adjustShared(fd, sharing);
    for (const chunk of chunks) writeAll(fd, chunk);
    fs.fsyncSync(fd);
  } catch (error) {
    removeIfThere(file);
    throw error;
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Who may use a new file: what `open` takes, cut by the umask, then widened as
 * `core.sharedRepository` says.
 */
export interface Access {
  readonly mode?: number;
  readonly sharing?: Sharing;
}

/** For what holds names and states that only the repository's owner may see. */
export const PRIVATE: Access = { mode: 0o600 };

export function writeAll(fd: number, chunk: Uint8Array): void {
  let offset = 0;
  while (offset < chunk.length) offset += fs.writeSync(fd, chunk, offset);
}

/**
 * Whole or absent, and durable on return: a temporary file beside it, flush, rename, flush of the
 * directory. The directory must exist. A link at `file` is replaced, and never written through.
 * @throws AtomicSnapshotError `DEVS_NOT_A_DIRECTORY`; `DEVS_NOT_A_FILE` where a directory has the
 * name.
 */
export function replaceFile(file: string, bytes: Uint8Array, access: Access = {}): void {
  using dir = RealDirectory.open(path.dirname(file));
  if (dir === null) throw gone(path.dirname(file));
  const name = path.basename(file);
  dir.at(name, (target) => {
    const temporary = `${target}.tmp.${temporaryName()}`;
    writeNewFile(temporary, [bytes], access);
    try {
      renameOver(temporary, target);
    } catch (error) {
      throw codeOf(error) === 'EISDIR' ? notAFile(file, error) : error;
    }
  });
  dir.flush();
}

/**
 * Writes a private file whose loss costs nothing but time. Nothing is written where a directory has
 * its name, and what reads such a file takes that for an absent one.
 */
export function replaceCache(file: string, bytes: Uint8Array): void {
  makePrivateDirectory(path.dirname(file));
  try {
    replaceFile(file, bytes, PRIVATE);
  } catch (error) {
    if (codeOf(error) !== 'DEVS_NOT_A_FILE') throw error;
  }
}

/** Creates a directory and its parents, through no link. */
export function makeDirectory(dir: string, sharing: Sharing = NOT_SHARED): void {
  openOrMake(dir, 0o777, (made) => adjustShared(made, sharing))[Symbol.dispose]();
}

/**
 * Creates a directory for this user alone, or takes from an existing one what others may do in it.
 */
export function makePrivateDirectory(dir: string): void {
  openPrivateDirectory(dir)[Symbol.dispose]();
}

/** As `makePrivateDirectory`, held open. */
export function openPrivateDirectory(dir: string): RealDirectory {
  const made = openOrMake(dir, 0o700);
  try {
    made.at('.', (self) => {
      if ((fs.statSync(self).mode & 0o077) !== 0) fs.chmodSync(self, 0o700);
    });
    return made;
  } catch (error) {
    made[Symbol.dispose]();
    throw error;
  }
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

/**
 * Removes a regular file of the git directory. False where there is none, where the name is
 * something else, or where its directory is reached through a link.
 */
export function removeRegular(file: string): boolean {
  try {
    using dir = RealDirectory.open(path.dirname(file));
    return (
      dir?.at(path.basename(file), (target) => {
        return fs.lstatSync(target, { throwIfNoEntry: false })?.isFile() === true && removeIfThere(target);
      }) ?? false
    );
  } catch (error) {
    if (codeOf(error) === 'DEVS_NOT_A_DIRECTORY') return false;
    throw error;
  }
}

/** The largest file of a git directory that is read whole: the index of ten million files. */
const MAX_BYTES = 1 << 30;

/**
 * The bytes of a file in the git directory; null where there is none.
 * @throws AtomicSnapshotError `DEVS_NOT_A_FILE` for a link, a pipe, a directory;
 * `DEVS_FILE_TOO_LARGE`
 */
export function readIfThere(file: string | Buffer, maxBytes: number = MAX_BYTES): Buffer | null {
  return readOpened(openRegular(file), file, maxBytes);
}

/**
 * As `readIfThere`, and null for what is not a regular file, too: for what devs and git can do
 * without.
 */
export function readOptional(file: string | Buffer, maxBytes: number = MAX_BYTES): Buffer | null {
  return readOpened(openOptional(file), file, maxBytes);
}

export function readTextIfThere(file: string, maxBytes: number = MAX_BYTES): string | null {
  return readIfThere(file, maxBytes)?.toString('utf8') ?? null;
}

function readOpened(fd: number | null, file: string | Buffer, maxBytes: number): Buffer | null {
  if (fd === null) return null;
  try {
    if (fs.fstatSync(fd).size > maxBytes) throw tooLarge(file, maxBytes);
    return fs.readFileSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function tooLarge(file: string | Buffer, maxBytes: number): AtomicSnapshotError {
  const name = String(file);
  return new AtomicSnapshotError('DEVS_FILE_TOO_LARGE', `${name} is larger than ${maxBytes} bytes; it was not read`, {
    hint: ['ls', '-l', name],
    data: { path: name, maxBytes },
  });
}

/**
 * Adds `text` to the end of a file of the git directory, which is created where there is none;
 * false where the name is a link, a pipe or a directory, and nothing was written. A file that has a
 * second name, perhaps outside the repository, is replaced by a copy of its own.
 */
export function appendText(file: string, text: string, sharing: Sharing = NOT_SHARED): boolean {
  using dir = openOrMake(path.dirname(file), 0o777, (made) => adjustShared(made, sharing));
  return dir.at(path.basename(file), (target) => {
    let fd: number;
    try {
      fd = fs.openSync(target, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o666);
    } catch (error) {
      if (['ELOOP', 'ENXIO', 'EISDIR', 'ENODEV'].includes(codeOf(error))) return false;
      throw error;
    }
    try {
      const stat = fs.fstatSync(fd);
      if (!stat.isFile()) return false;
      if (stat.size === 0) adjustShared(fd, sharing);
      if (stat.nlink === 1) {
        writeAll(fd, Buffer.from(text));
        return true;
      }
    } finally {
      fs.closeSync(fd);
    }
    replaceFile(file, Buffer.concat([readIfThere(file) ?? Buffer.alloc(0), Buffer.from(text)]), { sharing });
    return true;
  });
}

/**
 * Runs `work` under git's own lock for `file`: `<file>.lock`, created exclusively. `work` returns
 * the new content, or null to leave the file as it is; the lock becomes the file by rename.
 * @throws AtomicSnapshotError `DEVS_GIT_LOCKED` when another process holds the lock;
 * `DEVS_NOT_A_DIRECTORY`.
 */
export function updateUnderGitLock(asked: string, work: () => Uint8Array | null, sharing: Sharing = NOT_SHARED): void {
  // Git, too, locks and replaces the file that such a link leads to.
  const file = isLink(asked) ? (sharedFile(asked) ?? asked) : asked;
  using dir = openOrMake(path.dirname(file), 0o777, (made) => adjustShared(made, sharing));
  const done = dir.at(path.basename(file), (target) => {
    const lock = `${target}.lock`;
    const fd = openGitLock(lock, `${file}.lock`, sharing);
    let renamed = false;
    try {
      const bytes = work();
      if (bytes !== null) {
        writeAll(fd, bytes);
        fs.fsyncSync(fd);
        fs.renameSync(lock, target);
        renamed = true;
      }
    } finally {
      fs.closeSync(fd);
      if (!renamed) removeIfThere(lock);
    }
    return renamed;
  });
  if (done) dir.flush();
}

/**
 * Opens a new git lock file; see `updateUnderGitLock`. `name`: what to call it, where it is reached
 * by another path.
 */
export function openGitLock(lock: string, name: string = lock, sharing: Sharing = NOT_SHARED): number {
  let fd: number;
  try {
    fd = fs.openSync(lock, 'wx');
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    throw new AtomicSnapshotError(
      'DEVS_GIT_LOCKED',
      `${name} exists: a git command is running, or one was killed; remove it only when none is running`,
      {
        hint: ['rm', name],
        data: { path: name },
        cause: error,
      },
    );
  }
  adjustShared(fd, sharing);
  return fd;
}

function isLink(file: string): boolean {
  return fs.lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function gone(dir: string): AtomicSnapshotError {
  return new AtomicSnapshotError('DEVS_NOT_A_DIRECTORY', `${dir} does not exist (any more)`, {
    hint: ['ls', '-ld', dir],
    data: { path: dir },
  });
}
