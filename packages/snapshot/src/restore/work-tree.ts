import fs from 'node:fs';
import { type BytePath, onDisk, parentOf, toText } from '../base/byte-path.ts';
import { removeIfThere, temporaryName, writeAll } from '../base/durable.ts';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';
import { hashFile, hashObject } from '../objects/object-id.ts';
import { SYMLINK, type TreeEntry } from '../objects/trees.ts';
import { statIfThere } from '../scan/scan.ts';

/** Changes files of one work tree, never through a symbolic link and never without proof of what it replaces. */
export class WorkTree {
  readonly #root: string;
  readonly #realDirectories = new Set<BytePath>(['']);

  readonly #directoryMode: (path: BytePath) => number;

  /** `directoryMode`: the permissions of directories that have to be created. */
  constructor(root: string, directoryMode: (path: BytePath) => number) {
    this.#root = root;
    this.#directoryMode = directoryMode;
  }

  /**
   * Makes sure that what lies at `path` is what the safety snapshot holds.
   * @throws AtomicSnapshotError `DEVS_FILE_CHANGED` where it is not.
   */
  assertIs(path: BytePath, expected: TreeEntry | null): void {
    const stat = this.#isReached(parentOf(path)) ? statIfThere(this.#root, path) : null;
    if (stat === null && expected === null) return;
    // A directory is left to the caller: it may have become empty by the deletions before.
    if (stat?.isDirectory() && expected === null) return;
    if (stat !== null && expected !== null && this.#contentIs(path, stat, expected)) return;
    throw new AtomicSnapshotError(
      'DEVS_FILE_CHANGED',
      `${this.#name(path)} changed while the restore ran; it was left as it is`,
      { hint: ['devs', 'status'], data: { path: this.#name(path) } },
    );
  }

  #contentIs(path: BytePath, stat: fs.Stats, expected: TreeEntry): boolean {
    if (stat.isSymbolicLink() !== (expected.mode === SYMLINK)) return false;
    if (!stat.isSymbolicLink() && !stat.isFile()) return false;
    const file = onDisk(this.#root, path);
    const oid = stat.isSymbolicLink()
      ? hashObject('blob', fs.readlinkSync(file, { encoding: 'buffer' }))
      : hashFile(file, stat.size);
    return oid === expected.oid;
  }

  remove(path: BytePath): void {
    fs.unlinkSync(onDisk(this.#root, path));
  }

  /** Removes a directory if it is empty. */
  removeDirectory(path: BytePath): boolean {
    if (!this.#isReached(path)) return false;
    try {
      fs.rmdirSync(onDisk(this.#root, path));
      this.#realDirectories.delete(path);
      return true;
    } catch (error) {
      if (['ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(codeOf(error))) return false;
      throw error;
    }
  }

  /** Removes a directory that holds nothing but directories; one that holds more stays, and with it the error. */
  #removeEmptyTree(path: BytePath): void {
    for (const name of fs.readdirSync(onDisk(this.#root, path), { encoding: 'latin1' })) {
      const child = `${path}/${name}`;
      if (!statIfThere(this.#root, child)?.isDirectory()) throw this.obstructed(child);
      this.#removeEmptyTree(child);
    }
    this.removeDirectory(path);
  }

  /** Creates a directory and its parents. */
  makeDirectory(path: BytePath): void {
    if (this.#realDirectories.has(path)) return;
    this.makeDirectory(parentOf(path));
    const stat = statIfThere(this.#root, path);
    if (stat === null) {
      fs.mkdirSync(onDisk(this.#root, path));
      // Not by mkdir's own mode, which the umask cuts.
      fs.chmodSync(onDisk(this.#root, path), this.#directoryMode(path));
    } else if (!stat.isDirectory()) throw this.obstructed(path);
    this.#realDirectories.add(path);
  }

  /** Replaces or creates a file or link, by a temporary name beside it and rename. */
  async write(path: BytePath, entry: TreeEntry, body: AsyncIterable<Buffer>, permissions: number): Promise<void> {
    const dir = parentOf(path);
    this.makeDirectory(dir);
    if (statIfThere(this.#root, path)?.isDirectory()) this.#removeEmptyTree(path);
    const temporary = onDisk(this.#root, `${dir === '' ? '' : `${dir}/`}.devs-tmp-${temporaryName()}`);
    if (entry.mode === SYMLINK) for await (const target of body) fs.symlinkSync(target, temporary);
    else await this.#writeTemporary(temporary, body, permissions);
    try {
      fs.renameSync(temporary, onDisk(this.#root, path));
    } catch (error) {
      fs.unlinkSync(temporary);
      throw codeOf(error) === 'EISDIR' || codeOf(error) === 'ENOTEMPTY' ? this.obstructed(path) : error;
    }
  }

  async #writeTemporary(temporary: string | Buffer, body: AsyncIterable<Buffer>, permissions: number): Promise<void> {
    const fd = fs.openSync(temporary, 'wx', 0o600);
    try {
      for await (const chunk of body) writeAll(fd, chunk);
      fs.fchmodSync(fd, permissions);
      fs.fsyncSync(fd);
    } catch (error) {
      removeIfThere(temporary);
      throw error;
    } finally {
      fs.closeSync(fd);
    }
  }

  setPermissions(path: BytePath, permissions: number): void {
    const bare = path.endsWith('/') ? path.slice(0, -1) : path;
    if (!this.#isReached(parentOf(bare))) return;
    const stat = statIfThere(this.#root, bare);
    if (stat === null || stat.isSymbolicLink() || stat.isDirectory() !== path.endsWith('/')) return;
    fs.chmodSync(onDisk(this.#root, bare), permissions);
  }

  /** Whether `dir` is a directory reached through directories only. */
  #isReached(dir: BytePath): boolean {
    if (this.#realDirectories.has(dir)) return true;
    if (!this.#isReached(parentOf(dir)) || !statIfThere(this.#root, dir)?.isDirectory()) return false;
    this.#realDirectories.add(dir);
    return true;
  }

  /** What stands in the way of creating `path` once `gone` is deleted: an uncaptured file, or a directory holding one. */
  obstacle(path: BytePath, gone: ReadonlySet<BytePath>): BytePath | null {
    // From the top, so that nothing is looked at through a link.
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const dir = path.slice(0, slash);
      const stat = statIfThere(this.#root, dir);
      if (stat === null) return null;
      if (!stat.isDirectory()) return gone.has(dir) ? null : dir;
    }
    const stat = statIfThere(this.#root, path);
    return stat?.isDirectory() ? this.#firstStaying(path, gone) : null;
  }

  #firstStaying(dir: BytePath, gone: ReadonlySet<BytePath>): BytePath | null {
    for (const entry of fs.readdirSync(onDisk(this.#root, dir), { withFileTypes: true, encoding: 'latin1' })) {
      const path = `${dir}/${entry.name}`;
      const staying = entry.isDirectory() ? this.#firstStaying(path, gone) : gone.has(path) ? null : path;
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

  #name(path: BytePath): string {
    return `${this.#root}/${toText(path)}`;
  }
}
