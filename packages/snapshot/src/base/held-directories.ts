import fs from 'node:fs';
import { type BytePath, onDisk, parentOf, toText } from './byte-path.ts';
import { AtomicSnapshotError, codeOf } from './errors.ts';
import { renamed } from './real-directory.ts';

const { O_DIRECTORY = 0, O_NOFOLLOW = 0 } = fs.constants;
/**
 * Linux's flag for a descriptor that only names a place; it needs no permission to read the
 * directory.
 */
const O_PATH = 0o10000000;

/**
 * Fewer than a process may open, and enough for a scan's directories to be open still when their
 * files are read.
 */
const MAX_OPEN = 512;

const IF_THERE = { throwIfNoEntry: false } as const;

interface Held {
  /** -1 where the directory is known by its path alone. */
  readonly fd: number;
  /** What its children's paths begin with. */
  readonly reach: string | Buffer;
  readonly identity: string;
}

/**
 * The directories of a work tree, each opened in the one above it and never through a symbolic
 * link, and their children reached through the descriptor (`/proc/self/fd/N/name`). A directory
 * that another program swaps for a link meanwhile leads nowhere else. Where the system has no such
 * paths (macOS, Windows), every component is looked at before and after each use: a swap back
 * within that time goes unnoticed.
 */
export class HeldDirectories implements Disposable {
  readonly root: string;
  readonly #byDescriptor: boolean;
  /** In the order of their last use. */
  readonly #held = new Map<BytePath, Held>();
  /** Which directory each path led to, at its first use. */
  readonly #identities = new Map<BytePath, string>();
  /** The one that was used last: mostly, it is used next. */
  #last: { readonly dir: BytePath; readonly held: Held } | null = null;

  /** `byDescriptor`: false for what other systems than Linux can do. */
  constructor(root: string, byDescriptor: boolean = hasDescriptorPaths()) {
    this.root = root;
    this.#byDescriptor = byDescriptor;
  }

  /**
   * Runs `work` with the path by which `path` is reached. An error of the system names the file by
   * its own path; `ENOENT` and `ENOTDIR` also say that a directory above it is not there, or is
   * none.
   * @throws AtomicSnapshotError `DEVS_DIRECTORY_MOVED` where a directory is not the one that it was
   * at first.
   */
  at<T>(path: BytePath, work: (file: string | Buffer) => T): T {
    const dir = parentOf(path);
    const held = this.#open(dir);
    const name = path.slice(dir === '' ? 0 : dir.length + 1);
    const result = this.#named(dir, held, () => work(child(held.reach, name)));
    if (held.fd === -1) this.assertUnmoved(dir);
    return result;
  }

  /**
   * Runs `work` with the path by which the directory itself is reached, which needs no permission
   * in it.
   */
  in<T>(dir: BytePath, work: (self: string | Buffer) => T): T {
    const held = this.#open(dir);
    const result = this.#named(dir, held, () => work(held.reach));
    if (held.fd === -1) this.assertUnmoved(dir);
    return result;
  }

  /** Of the file or link itself; null where there is none, or no directory that could hold it. */
  stat(path: BytePath): fs.Stats | null {
    try {
      return this.at(path, (file) => fs.lstatSync(file, IF_THERE) ?? null);
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR' || codeOf(error) === 'ELOOP') return null;
      throw error;
    }
  }

  /** Whether `dir` is a directory that is reached through directories alone. */
  isDirectory(dir: BytePath): boolean {
    try {
      this.#open(dir);
      return true;
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR' || codeOf(error) === 'ELOOP') return false;
      throw error;
    }
  }

  /** `dir` was removed or replaced by the caller. */
  forget(dir: BytePath): void {
    for (const known of [...this.#identities.keys()]) {
      if (known === dir || known.startsWith(`${dir}/`)) this.#close(known);
    }
  }

  /** Lets go of all, so that every directory is looked for anew. */
  forgetAll(): void {
    for (const known of [...this.#identities.keys()]) this.#close(known);
  }

  /**
   * Makes sure that `dir`, and all above it, are the directories that they were at first.
   * @throws AtomicSnapshotError `DEVS_DIRECTORY_MOVED`
   */
  assertUnmoved(dir: BytePath): void {
    for (let known = dir; ; known = parentOf(known)) {
      if (this.#identities.has(known) && !this.#isUnmoved(known)) throw this.moved(known);
      if (known === '') return;
    }
  }

  /** As `assertUnmoved`, of every directory that was used. */
  assertAllUnmoved(): void {
    for (const dir of this.#identities.keys()) if (!this.#isUnmoved(dir)) throw this.moved(dir);
  }

  /**
   * One look in the directory above, which is held: it is the one that it was, wherever it lies by
   * now.
   */
  #isUnmoved(dir: BytePath): boolean {
    try {
      const name = dir.slice(dir.lastIndexOf('/') + 1);
      const file = dir === '' ? this.root : child(this.#open(parentOf(dir)).reach, name);
      const stat = fs.lstatSync(file, IF_THERE);
      return stat?.isDirectory() === true && identityOf(stat) === this.#identities.get(dir);
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'ELOOP', 'DEVS_DIRECTORY_MOVED'].includes(codeOf(error))) return false;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.forgetAll();
  }

  #open(dir: BytePath): Held {
    if (this.#last?.dir === dir) return this.#last.held;
    let held = this.#held.get(dir);
    if (held !== undefined && held.fd !== -1) {
      // Moved to the end: the first in the map is the one whose last use is longest ago.
      this.#held.delete(dir);
    } else {
      held = this.#openAnew(dir);
      const known = this.#identities.get(dir);
      if (known !== undefined && known !== held.identity) {
        if (held.fd !== -1) fs.closeSync(held.fd);
        throw this.moved(dir);
      }
      this.#identities.set(dir, held.identity);
      if (this.#held.size >= MAX_OPEN) this.#closeOldest();
    }
    this.#held.set(dir, held);
    if (held.fd !== -1) this.#last = { dir, held };
    return held;
  }

  #openAnew(dir: BytePath): Held {
    if (dir === '') return this.#openAt(this.root, '');
    const parent = this.#open(parentOf(dir));
    const name = dir.slice(dir.lastIndexOf('/') + 1);
    return this.#named(parentOf(dir), parent, () => this.#openAt(child(parent.reach, name), dir));
  }

  #openAt(file: string | Buffer, dir: BytePath): Held {
    if (!this.#byDescriptor) {
      const stat = fs.lstatSync(file);
      if (!stat.isDirectory()) throw Object.assign(new Error(`ENOTDIR: ${String(file)}`), { code: 'ENOTDIR' });
      return { fd: -1, reach: dir === '' ? this.root : onDisk(this.root, dir), identity: identityOf(stat) };
    }
    const fd = this.#openDescriptor(file);
    return { fd, reach: `/proc/self/fd/${fd}`, identity: identityOf(fs.fstatSync(fd)) };
  }

  #openDescriptor(file: string | Buffer): number {
    const flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
    try {
      return fs.openSync(file, flags);
    } catch (error) {
      // All but the one that leads to `file`.
      if (codeOf(error) !== 'EMFILE' || this.#held.size < 2) throw error;
      while (this.#held.size > 1) this.#closeOldest();
      return fs.openSync(file, flags);
    }
  }

  #closeOldest(): void {
    for (const [dir, { fd }] of this.#held) {
      if (this.#last?.dir === dir) this.#last = null;
      this.#held.delete(dir);
      if (fd !== -1) fs.closeSync(fd);
      return;
    }
  }

  #close(dir: BytePath): void {
    const fd = this.#held.get(dir)?.fd ?? -1;
    this.#held.delete(dir);
    this.#identities.delete(dir);
    if (this.#last?.dir === dir) this.#last = null;
    if (fd !== -1) fs.closeSync(fd);
  }

  #named<T>(dir: BytePath, { reach }: Held, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw renamed(error, String(reach), this.#name(dir));
    }
  }

  #name(dir: BytePath): string {
    return dir === '' ? this.root : `${this.root}/${toText(dir)}`;
  }

  /** The error that says that `dir` is another directory than it was. */
  moved(dir: BytePath): AtomicSnapshotError {
    const name = this.#name(dir);
    return new AtomicSnapshotError(
      'DEVS_DIRECTORY_MOVED',
      `${name} was moved or replaced while devs was at work in it`,
      {
        hint: ['ls', '-ld', name],
        data: { path: name },
      },
    );
  }
}

function child(reach: string | Buffer, name: string): string | Buffer {
  if (typeof reach === 'string') return onDisk(reach, name);
  return Buffer.concat([reach, Buffer.from('/'), Buffer.from(name, 'latin1')]);
}

function identityOf({ dev, ino }: fs.Stats): string {
  return `${dev}:${ino}`;
}

let descriptorPaths: boolean | undefined;

/** Whether `/proc/self/fd/N` leads to the directory that is open as N. */
function hasDescriptorPaths(): boolean {
  descriptorPaths ??= process.platform === 'linux' && leadsThere();
  return descriptorPaths;
}

function leadsThere(): boolean {
  const fd = fs.openSync('/', O_PATH | O_DIRECTORY);
  try {
    const through = fs.statSync(`/proc/self/fd/${fd}`, IF_THERE);
    return through !== undefined && identityOf(through) === identityOf(fs.fstatSync(fd));
  } catch (error) {
    // A /proc that may not be used is as good as none.
    if (!['EACCES', 'EPERM', 'ENOTDIR', 'ELOOP'].includes(codeOf(error))) throw error;
    return false;
  } finally {
    fs.closeSync(fd);
  }
}
