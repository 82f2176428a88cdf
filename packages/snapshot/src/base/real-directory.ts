import fs from 'node:fs';
import path from 'node:path';
import { AtomicSnapshotError, codeOf } from './errors.ts';
import { isSharedDirectory } from './shared-links.ts';

const { O_RDONLY, O_DIRECTORY = 0, O_NONBLOCK = 0 } = fs.constants;

/**
 * A directory that is held open. Names in it are reached through the descriptor
 * (`/proc/self/fd/N/name`), so that they stay in this directory whatever is renamed meanwhile.
 * Where the system has no such paths (macOS, Windows), the directory's path is checked when it is
 * opened, and a change after that goes unnoticed.
 */
export class RealDirectory implements Disposable {
  readonly #dir: string;
  /** -1 where directories cannot be opened. */
  readonly #fd: number;
  readonly #reach: string;

  private constructor(dir: string, fd: number, reach: string) {
    this.#dir = dir;
    this.#fd = fd;
    this.#reach = reach;
  }

  /**
   * Opens `asked`, whose path is absolute and, as far as it lies above a git directory, real. Null
   * where there is none.
   * @throws AtomicSnapshotError `DEVS_NOT_A_DIRECTORY` where it is something else, or is reached
   * through a link that git would not follow.
   */
  static open(asked: string): RealDirectory | null {
    const dir = path.resolve(asked);
    if (process.platform === 'win32') return openByPath(dir, (real) => new RealDirectory(real, -1, real));
    let fd: number;
    try {
      fd = fs.openSync(dir, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw codeOf(error) === 'ENOTDIR' || codeOf(error) === 'ELOOP' ? notADirectory(dir, error) : error;
    }
    try {
      const reach = `/proc/self/fd/${fd}`;
      const actual = linkTarget(reach);
      if (actual === null) assertReal(dir, fs.realpathSync(dir));
      else assertReal(dir, actual);
      return new RealDirectory(dir, fd, actual === null ? dir : reach);
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
  }

  /** Runs `work` with a path for `name`; an error of the system names the file by its own path. */
  at<T>(name: string, work: (file: string) => T): T {
    const file = path.join(this.#reach, name);
    try {
      return work(file);
    } catch (error) {
      throw renamed(error, this.#reach, this.#dir);
    }
  }

  /** What is in it. */
  entries(): fs.Dirent[] {
    return this.at('.', (self) => fs.readdirSync(self, { withFileTypes: true }));
  }

  names(): string[] {
    return this.at('.', (self) => fs.readdirSync(self));
  }

  /** Makes the names in it durable. Windows has no such call and flushes names with the file. */
  flush(): void {
    if (this.#fd !== -1) fs.fsyncSync(this.#fd);
  }

  [Symbol.dispose](): void {
    if (this.#fd !== -1) fs.closeSync(this.#fd);
  }
}

/**
 * As `RealDirectory.open`, and creates what is missing. `mode` is what mkdir takes; `made` is told
 * of each new one.
 */
export function openOrMake(dir: string, mode: number = 0o777, made: (dir: string) => void = () => {}): RealDirectory {
  const opened = RealDirectory.open(dir);
  if (opened !== null) return opened;
  using parent = openOrMake(path.dirname(dir), mode, made);
  parent.at(path.basename(dir), (file) => {
    try {
      fs.mkdirSync(file, mode);
      made(file);
    } catch (error) {
      // Another process was as fast. A link that leads nowhere is found out below.
      if (codeOf(error) !== 'EEXIST') throw error;
    }
  });
  const now = RealDirectory.open(dir);
  if (now === null) throw notADirectory(dir);
  return now;
}

/** An error of the system with the user's path in place of the descriptor's. */
export function renamed(error: unknown, reach: string, dir: string): unknown {
  const failed = error as NodeJS.ErrnoException;
  if (reach === dir || typeof failed?.path !== 'string' || !failed.path.startsWith(reach)) return error;
  const own = dir + failed.path.slice(reach.length);
  failed.message = failed.message.replaceAll(reach, dir);
  failed.path = own;
  return failed;
}

function openByPath<T>(dir: string, open: (real: string) => T): T | null {
  try {
    const real = fs.realpathSync(dir);
    assertReal(dir, real);
    if (!fs.statSync(real).isDirectory()) throw notADirectory(dir);
    return open(real);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function assertReal(dir: string, actual: string): void {
  if (actual === dir || isSharedDirectory(dir, actual)) return;
  throw new AtomicSnapshotError(
    'DEVS_NOT_A_DIRECTORY',
    `${dir} is reached through a symbolic link to ${actual}; devs writes through no link, and nothing was written`,
    { hint: ['ls', '-ld', dir], data: { path: dir, actual } },
  );
}

function linkTarget(link: string): string | null {
  try {
    return fs.readlinkSync(link);
  } catch (error) {
    // No /proc here.
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
    throw error;
  }
}

function notADirectory(dir: string, cause?: unknown): AtomicSnapshotError {
  return new AtomicSnapshotError('DEVS_NOT_A_DIRECTORY', `${dir} is not a directory`, {
    hint: ['ls', '-ld', dir],
    data: { path: dir },
    cause,
  });
}
