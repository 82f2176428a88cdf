import fs from 'node:fs';
import path from 'node:path';
import { StateLockError } from '../record/errors.ts';
import { newGeneration } from '../record/record.ts';

/** What was found at a name. */
export interface LockFile {
  readonly text: string;
  /** When the file was last written, in milliseconds since the epoch. */
  readonly writtenAtMs: number;
}

/**
 * `taken`: `removalRight` exists. `gone`: `name` does not. `unsupported`: this file system has no
 * hard links.
 */
export type Claim = 'ours' | 'not ours' | 'taken' | 'gone' | 'unsupported';

/** A file this process created and keeps open. */
export interface CreatedFile {
  readonly fd: number;
}

/**
 * Every file operation of the locking protocol, so that a test can run the real protocol over a
 * model of the disk and explore its interleavings. Names are file names inside one directory. Each
 * operation is atomic.
 */
export interface LockFs {
  /**
   * Creates `name` holding `text`, whole or not at all; null where the name exists. The caller
   * closes it.
   */
  create(name: string, text: string): Promise<CreatedFile | null>;
  close(file: CreatedFile): Promise<void>;
  /**
   * Gives the file called `name` a second name, `removalRight`, and says whether it is the file
   * that this process created as `file`. One call where creating `removalRight` and reading `name`
   * would be two.
   */
  claim(name: string, removalRight: string, file: CreatedFile): Promise<Claim>;
  /** Null where nothing has that name. */
  read(name: string): Promise<LockFile | null>;
  /** No error where nothing has that name, or a directory has it. */
  remove(name: string): Promise<void>;
  /** Names that start with `prefix`. */
  list(prefix: string): Promise<readonly string[]>;
  /** The path of `name`, for people. */
  pathOf(name: string): string;
}

/** A record is a few hundred bytes; anything much larger is not one. */
const MAX_RECORD_BYTES = 64 * 1024;
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
/** Errors of open(2) that mean: a socket, or a device that does not exist. */
const NO_FILE = new Set(['ENXIO', 'ENODEV', 'EOPNOTSUPP']);
/** Errors of link(2) that mean: this file system has no hard links. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV']);

/**
 * The real directory. Synchronous inside: one call of a few microseconds is cheaper than a trip to
 * a thread.
 */
export class DirectoryLockFs implements LockFs {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  async create(name: string, text: string): Promise<CreatedFile | null> {
    const temporary = this.pathOf(`${name}.tmp.${newGeneration()}`);
    const fd = this.#openNew(temporary);
    let linked = false;
    try {
      this.#fill(fd, text);
      linked = this.#link(temporary, this.pathOf(name));
      return linked ? { fd } : null;
    } catch (error) {
      if (NO_LINKS.has(codeOf(error))) return this.#createInPlace(name, text);
      throw error;
    } finally {
      if (!linked) fs.closeSync(fd);
      unlinkIfThere(temporary);
    }
  }

  #link(from: string, to: string): boolean {
    try {
      fs.linkSync(from, to);
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    }
  }

  #createInPlace(name: string, text: string): CreatedFile | null {
    let fd: number;
    try {
      fd = fs.openSync(this.pathOf(name), 'wx+', 0o644);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return null;
      throw error;
    }
    this.#fill(fd, text);
    return { fd };
  }

  /** A record that is cut short would look like a stranger's. */
  #fill(fd: number, text: string): void {
    const bytes = Buffer.from(text);
    try {
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(fd, bytes, at);
    } catch (error) {
      throw explainUnwritable(this.dir, error);
    }
  }

  #openNew(temporary: string): number {
    try {
      return fs.openSync(temporary, 'wx+', 0o644);
    } catch (error) {
      throw explainUnwritable(this.dir, error);
    }
  }

  async close(file: CreatedFile): Promise<void> {
    fs.closeSync(file.fd);
  }

  async claim(name: string, removalRight: string, file: CreatedFile): Promise<Claim> {
    try {
      fs.linkSync(this.pathOf(name), this.pathOf(removalRight));
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return 'taken';
      if (codeOf(error) === 'ENOENT') return 'gone';
      if (NO_LINKS.has(codeOf(error))) return 'unsupported';
      throw explainUnwritable(this.dir, error);
    }
    return isReplaced(file.fd, this.pathOf(removalRight)) ? 'not ours' : 'ours';
  }

  async read(name: string): Promise<LockFile | null> {
    const file = this.pathOf(name);
    let fd: number;
    try {
      fd = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      if (codeOf(error) === 'ELOOP') throw notALock(file, 'a symbolic link');
      if (NO_FILE.has(codeOf(error))) throw notALock(file, 'no regular file');
      throw explainUnreadable(file, error);
    }
    try {
      const stat = fs.fstatSync(fd);
      if (!stat.isFile()) throw notALock(file, stat.isDirectory() ? 'a directory' : 'no regular file');
      if (stat.size > MAX_RECORD_BYTES) throw notALock(file, `${stat.size} bytes long`);
      const bytes = Buffer.allocUnsafe(stat.size);
      const text = bytes.toString('utf8', 0, fs.readSync(fd, bytes, 0, stat.size, 0));
      if (/[\0\ufffd]/.test(text)) throw notALock(file, 'binary');
      return { text, writtenAtMs: stat.mtimeMs };
    } finally {
      fs.closeSync(fd);
    }
  }

  async remove(name: string): Promise<void> {
    try {
      unlinkIfThere(this.pathOf(name));
    } catch (error) {
      // No process of ours makes a directory: it is left to the user.
      if (fs.lstatSync(this.pathOf(name), { throwIfNoEntry: false })?.isDirectory()) return;
      throw explainUnwritable(this.dir, error);
    }
  }

  async list(prefix: string): Promise<readonly string[]> {
    try {
      return fs.readdirSync(this.dir).filter((name) => name.startsWith(prefix));
    } catch (error) {
      throw explainUnreadable(this.dir, error);
    }
  }

  pathOf(name: string): string {
    return path.join(this.dir, name);
  }
}

/** True where `file` is not (or no longer) the file open as `fd`. */
export function isReplaced(fd: number, file: string): boolean {
  const own = fs.fstatSync(fd);
  const now = fs.lstatSync(file, { throwIfNoEntry: false });
  return now === undefined || now.ino !== own.ino || now.dev !== own.dev;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

function unlinkIfThere(file: string): void {
  try {
    fs.unlinkSync(file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

export function notALock(file: string, what: string): StateLockError {
  return new StateLockError('DEVS_LOCK_NOT_A_LOCK', `${file} is ${what}, not a lock file; it was left alone`, {
    hint: ['mv', file, `${file}.aside`],
    data: { path: file },
  });
}

function explainUnreadable(file: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const dir = path.dirname(file);
    return new StateLockError('DEVS_LOCK_NO_DIRECTORY', `${dir} is no directory`, {
      data: { path: dir },
      cause: error,
    });
  }
  if (code !== 'EACCES' && code !== 'EPERM') return error;
  return new StateLockError('DEVS_LOCK_UNREADABLE', `cannot read ${file}: ${code}`, {
    hint: ['ls', '-ld', file],
    data: { path: file },
    cause: error,
  });
}

function explainUnwritable(dir: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new StateLockError('DEVS_LOCK_NO_DIRECTORY', `${dir} is no directory`, {
      data: { path: dir },
      cause: error,
    });
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new StateLockError('DEVS_DISK_FULL', `there is no space left for a lock file in ${dir}`, {
      hint: ['df', '-h', dir],
      data: { path: dir },
      cause: error,
    });
  }
  if (code !== 'EACCES' && code !== 'EROFS' && code !== 'EPERM') return error;
  return new StateLockError('DEVS_LOCK_UNWRITABLE', `cannot create or remove a lock file in ${dir}: ${code}`, {
    hint: ['ls', '-ld', dir],
    data: { path: dir },
    cause: error,
  });
}
