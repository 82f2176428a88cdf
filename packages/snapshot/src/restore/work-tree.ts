import fs from 'node:fs';
import process from 'node:process';
import { type BytePath, parentOf, toText } from '../base/byte-path.ts';
import { removeIfThere, temporaryName, writeAll } from '../base/durable.ts';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';
import { HeldDirectories } from '../base/held-directories.ts';
import { WidenedDirectories } from '../base/widened-directories.ts';
import { hashFile, hashObject } from '../objects/object-id.ts';
import { SYMLINK, type TreeEntry } from '../objects/trees.ts';
import { restoredPermissions, TOP } from '../scan/permissions.ts';

/** What reading says of a name that is no longer the file or link that it was a moment ago. */
const BECAME_ANOTHER: ReadonlySet<string> = new Set([
  'ENOENT',
  'ENOTDIR',
  'ELOOP',
  'EINVAL',
  'EISDIR',
  'ENXIO',
  'EAGAIN',
]);

/** What keeps a thing where it was set aside, and undoes nothing else. */
const STAYS_ASIDE: ReadonlySet<string> = new Set(['DEVS_RESTORE_OBSTRUCTED', 'EXDEV', 'ENOENT', 'ENOTDIR']);

/** The setuid, setgid and sticky bits. */
const HIGHER_BITS = 0o7000;

/**
 * Changes files of one work tree, never through a symbolic link and never without proof of what it
 * replaces. A directory of the user's own that may not be written in is made writable for that
 * time.
 */
export class WorkTree implements Disposable {
  readonly #tree: HeldDirectories;
  readonly #widened: WidenedDirectories;
  /** Directories in which names may be changed. */
  readonly #proven = new Set<BytePath>();
  readonly #directoryMode: (path: BytePath) => number;

  /** `directoryMode`: the permissions of directories that have to be created. */
  constructor(root: string, directoryMode: (path: BytePath) => number) {
    this.#tree = new HeldDirectories(root);
    this.#widened = new WidenedDirectories(this.#tree);
    this.#directoryMode = directoryMode;
  }

  /**
   * Makes sure that what lies at `path` is what the safety snapshot holds.
   * @throws AtomicSnapshotError `DEVS_FILE_CHANGED` where it is not.
   */
  assertIs(path: BytePath, expected: TreeEntry | null): void {
    const stat = this.#stat(path);
    if (stat === null && expected === null) return;
    // A directory is left to the caller: it may have become empty by the deletions before.
    if (stat?.isDirectory() && expected === null) return;
    if (stat !== null && expected !== null && this.#contentIs(path, stat, expected)) return;
    throw this.#changed(path);
  }

  #changed(path: BytePath): AtomicSnapshotError {
    return new AtomicSnapshotError(
      'DEVS_FILE_CHANGED',
      `${this.#name(path)} changed while the restore ran; it was left as it is`,
      { hint: ['devs', 'status'], data: { path: this.#name(path) } },
    );
  }

  #contentIs(path: BytePath, stat: fs.Stats, expected: TreeEntry): boolean {
    if (stat.isSymbolicLink() !== (expected.mode === SYMLINK)) return false;
    if (!stat.isSymbolicLink() && !stat.isFile()) return false;
    try {
      const oid = this.#tree.at(path, (file) => {
        if (stat.isSymbolicLink()) return hashObject('blob', fs.readlinkSync(file, { encoding: 'buffer' }));
        return hashFile(file, stat.size);
      });
      return oid === expected.oid;
    } catch (error) {
      if (BECAME_ANOTHER.has(codeOf(error))) return false;
      throw error;
    }
  }

  /**
   * Makes sure that the files that were written are reached by their paths, not in directories that
   * were moved away.
   */
  assertWritten(files: readonly { readonly path: BytePath; readonly to: TreeEntry | null }[]): void {
    this.#tree.forgetAll();
    for (const { path, to } of files) this.assertIs(path, to);
  }

  remove(path: BytePath): void {
    this.#change(path, (file) => fs.unlinkSync(file));
  }

  /**
   * Removes a fifo, a socket or a device. It is never opened: opening a fifo waits for its other
   * end.
   */
  removeSpecial(path: BytePath): void {
    const stat = this.#stat(path);
    if (stat === null) return;
    if (stat.isFile() || stat.isDirectory() || stat.isSymbolicLink()) throw this.#changed(path);
    this.remove(path);
  }

  /** Moves a file or directory out of the work tree. */
  move(path: BytePath, target: string): void {
    this.#change(path, (file) => fs.renameSync(file, target));
    this.#tree.forget(path);
  }

  /** Moves a file or directory to where nothing is; whether it could. */
  moveIn(source: string, path: BytePath): boolean {
    try {
      this.makeDirectory(parentOf(path));
      if (this.#stat(path) !== null) return false;
      this.#change(path, (file) => fs.renameSync(source, file));
      return true;
    } catch (error) {
      if (STAYS_ASIDE.has(codeOf(error))) return false;
      throw error;
    }
  }

  /** Removes a directory if it is empty. */
  removeDirectory(path: BytePath): boolean {
    try {
      this.#change(path, (dir) => fs.rmdirSync(dir));
      this.#tree.forget(path);
      this.#widened.forget(path);
      return true;
    } catch (error) {
      if (['ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(codeOf(error))) return false;
      throw error;
    }
  }

  /**
   * Removes a directory that holds nothing but directories; one that holds more stays, and with it
   * the error.
   */
  #removeEmptyTree(path: BytePath): void {
    for (const entry of this.#entriesIn(path)) {
      const child = `${path}/${entry.name}`;
      if (!entry.isDirectory()) throw this.obstructed(child);
      this.#removeEmptyTree(child);
    }
    this.removeDirectory(path);
  }

  #entriesIn(dir: BytePath): fs.Dirent[] {
    const read = (self: string | Buffer) => fs.readdirSync(self, { withFileTypes: true, encoding: 'latin1' });
    return this.#allowed(dir, () => this.#tree.in(dir, read));
  }

  /** Creates a directory and its parents. */
  makeDirectory(path: BytePath): void {
    if (path === '' || this.#tree.isDirectory(path)) return;
    this.makeDirectory(parentOf(path));
    if (this.#stat(path) !== null) throw this.obstructed(path);
    this.#change(path, (dir) => fs.mkdirSync(dir));
    // Not by mkdir's own mode, which the umask cuts. The setgid bit comes from the directory above.
    this.#tree.in(path, (self) => {
      fs.chmodSync(self, (fs.statSync(self).mode & HIGHER_BITS) | this.#directoryMode(path));
    });
  }

  /** Replaces or creates a file or link, by a temporary name beside it and rename. */
  async write(path: BytePath, entry: TreeEntry, body: AsyncIterable<Buffer>, permissions: number): Promise<void> {
    const dir = parentOf(path);
    this.makeDirectory(dir);
    if (this.#stat(path)?.isDirectory()) this.#removeEmptyTree(path);
    const name = `.devs-tmp-${temporaryName()}`;
    const temporary = dir === '' ? name : `${dir}/${name}`;
    if (entry.mode === SYMLINK) for await (const target of body) this.#link(temporary, target);
    else await this.#writeTemporary(temporary, body, permissions);
    try {
      this.#tree.at(path, (file) => fs.renameSync(sibling(file, name), file));
    } catch (error) {
      this.#tree.at(temporary, removeIfThere);
      throw codeOf(error) === 'EISDIR' || codeOf(error) === 'ENOTEMPTY' ? this.obstructed(path) : error;
    }
  }

  #link(path: BytePath, target: Buffer): void {
    this.#change(path, (file) => fs.symlinkSync(target, file));
  }

  async #writeTemporary(temporary: BytePath, body: AsyncIterable<Buffer>, permissions: number): Promise<void> {
    const fd = this.#change(temporary, (file) => fs.openSync(file, 'wx', 0o600));
    try {
      for await (const chunk of body) writeAll(fd, chunk);
      fs.fchmodSync(fd, permissions);
      fs.fsyncSync(fd);
    } catch (error) {
      this.#tree.at(temporary, removeIfThere);
      throw error;
    } finally {
      fs.closeSync(fd);
    }
  }

  /** `recorded`: what the snapshot says; see `restoredPermissions`. */
  setPermissions(path: BytePath, recorded: number): void {
    const isDirectory = path.endsWith('/');
    const bare = isDirectory ? path.slice(0, -1) : path;
    const stat = path === TOP ? this.#tree.in(bare, (self) => fs.statSync(self)) : this.#stat(bare);
    if (stat === null || stat.isSymbolicLink() || stat.isDirectory() !== isDirectory) return;
    const permissions = restoredPermissions(stat.mode & 0o7777, recorded);
    if (isDirectory) {
      this.#widened.forget(bare);
      this.#tree.in(bare, (self) => fs.chmodSync(self, permissions));
    } else this.#tree.at(bare, (file) => setModeOf(file, permissions));
  }

  /**
   * Makes sure that names in the nearest directory above `path` may be changed: it is the user's
   * own, or the system allows it.
   */
  assertChangeable(path: BytePath): void {
    let dir = parentOf(path);
    while (dir !== '' && !this.#proven.has(dir) && !this.#tree.isDirectory(dir)) dir = parentOf(dir);
    if (this.#proven.has(dir)) return;
    this.#tree.in(dir, (self) => {
      if (!isOwn(fs.statSync(self))) fs.accessSync(self, fs.constants.W_OK | fs.constants.X_OK);
    });
    this.#proven.add(dir);
  }

  /** The same of a directory, where nothing stays in it once `gone` is deleted. */
  assertRemovable(dir: BytePath, gone: ReadonlySet<BytePath>): void {
    try {
      this.assertChangeable(dir);
    } catch (error) {
      if (codeOf(error) !== 'EACCES') throw error;
      if (this.#tree.isDirectory(dir) && this.#firstStaying(dir, gone) === null) throw error;
    }
  }

  /**
   * Makes sure that the permissions of what is at `path` may be changed. Directories end in a
   * slash.
   */
  assertOwn(path: BytePath): void {
    const bare = path.endsWith('/') ? path.slice(0, -1) : path;
    const stat = bare === '' ? this.#tree.in(bare, (self) => fs.statSync(self)) : this.#stat(bare);
    if (stat === null || isOwn(stat)) return;
    const reason = `EPERM: operation not permitted, chmod '${this.#name(bare)}'`;
    throw Object.assign(new Error(reason), { code: 'EPERM', path: this.#name(bare) });
  }

  /**
   * What stands in the way of creating `path` once `gone` is deleted: an uncaptured file, or a
   * directory holding one. `isCaptured`: the safety snapshot has what lies at `path` itself.
   */
  obstacle(path: BytePath, gone: ReadonlySet<BytePath>, isCaptured: boolean): BytePath | null {
    // From the top, so that nothing is looked at through a link.
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const dir = path.slice(0, slash);
      if (this.#tree.isDirectory(dir)) continue;
      if (this.#stat(dir) === null) return null;
      return gone.has(dir) ? null : dir;
    }
    const stat = this.#stat(path);
    if (stat?.isDirectory()) return this.#firstStaying(path, gone);
    return stat === null || isCaptured || gone.has(path) ? null : path;
  }

  #firstStaying(dir: BytePath, gone: ReadonlySet<BytePath>): BytePath | null {
    for (const entry of this.#entriesIn(dir)) {
      const path = `${dir}/${entry.name}`;
      if (gone.has(path)) continue;
      const staying = entry.isDirectory() ? this.#firstStaying(path, gone) : path;
      if (staying !== null) return staying;
    }
    return null;
  }

  obstructed(path: BytePath): AtomicSnapshotError {
    return new AtomicSnapshotError(
      'DEVS_RESTORE_OBSTRUCTED',
      `${this.#name(path)} is in the way, and no snapshot holds it; nothing of it was deleted`,
      { hint: ['mv', this.#name(path), `${this.#name(path)}.aside`], data: { path: this.#name(path) } },
    );
  }

  /** Gives the directories that were made writable their permissions back. */
  settle(): void {
    this.#widened.settle();
  }

  [Symbol.dispose](): void {
    this.settle();
    this.#tree[Symbol.dispose]();
  }

  /** Changes what is in `path`'s directory. */
  #change<T>(path: BytePath, work: (file: string | Buffer) => T): T {
    return this.#allowed(parentOf(path), () => this.#tree.at(path, work));
  }

  #stat(path: BytePath): fs.Stats | null {
    return this.#allowed(parentOf(path), () => this.#tree.stat(path));
  }

  /**
   * Makes `dir` accessible where the system says that `work` needs it, and `dir` is the user's own.
   */
  #allowed<T>(dir: BytePath, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (codeOf(error) !== 'EACCES' && codeOf(error) !== 'EPERM') throw error;
      if (!this.#widened.widen(dir)) throw error;
      return work();
    }
  }

  #name(path: BytePath): string {
    return path === '' ? this.#tree.root : `${this.#tree.root}/${toText(path)}`;
  }
}

function isOwn({ uid }: fs.Stats): boolean {
  const user = process.geteuid?.();
  return user === undefined || user === 0 || user === uid;
}

/** The path of `name` in the directory of `file`. */
function sibling(file: string | Buffer, name: string): string | Buffer {
  if (typeof file === 'string') return `${file.slice(0, file.lastIndexOf('/'))}/${name}`;
  return Buffer.concat([file.subarray(0, file.lastIndexOf('/') + 1), Buffer.from(name)]);
}

const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;

/** By descriptor where it may be opened, so that a link in its place is not followed. */
function setModeOf(file: string | Buffer, permissions: number): void {
  let fd: number;
  try {
    fd = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ELOOP' || codeOf(error) === 'ENOENT' || codeOf(error) === 'ENXIO') return;
    if (codeOf(error) !== 'EACCES') throw error;
    setModeOfUnreadable(file, permissions);
    return;
  }
  try {
    fs.fchmodSync(fd, permissions);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * A file without read permission can only be named. Its directory is held, and a link of that
 * moment fails to be one.
 */
function setModeOfUnreadable(file: string | Buffer, permissions: number): void {
  if (fs.lstatSync(file).isFile()) fs.chmodSync(file, permissions);
}
