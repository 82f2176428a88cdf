import { type BytePath, parentOf } from '../byte-path.ts';
import type { GitIndex, IndexEntry } from '../git/index-file.ts';

/** The index by path: one entry a path (an unmerged path's lowest stage), and which directories hold any. */
export class TrackedFiles {
  /** In byte order of the paths. */
  readonly entries: readonly IndexEntry[];
  readonly unmerged: readonly IndexEntry[];
  /** By directory, then by name: names are looked up a directory at a time. */
  readonly #files = new Map<BytePath, Map<BytePath, number>>();

  constructor(index: Pick<GitIndex, 'entries'>) {
    const entries: IndexEntry[] = [];
    const unmerged: IndexEntry[] = [];
    let lastDir = '';
    let files = this.#addDirectory('');
    for (const entry of index.entries) {
      if (entry.stage !== 0) unmerged.push(entry);
      if (entry.stage !== 0 && entries.at(-1)?.path === entry.path) continue;
      const dir = parentOf(entry.path);
      if (dir !== lastDir) {
        files = this.#addDirectory(dir);
        lastDir = dir;
      }
      files.set(dir === '' ? entry.path : entry.path.slice(dir.length + 1), entries.length);
      entries.push(entry);
    }
    this.entries = entries;
    this.unmerged = unmerged;
  }

  #addDirectory(dir: BytePath): Map<BytePath, number> {
    let files = this.#files.get(dir);
    if (files === undefined) {
      if (dir !== '') this.#addDirectory(parentOf(dir));
      files = new Map();
      this.#files.set(dir, files);
    }
    return files;
  }

  /** Position by name of the files directly in `dir`. */
  filesIn(dir: BytePath): ReadonlyMap<BytePath, number> | undefined {
    return this.#files.get(dir);
  }

  position(path: BytePath): number | undefined {
    const dir = parentOf(path);
    return this.#files.get(dir)?.get(dir === '' ? path : path.slice(dir.length + 1));
  }

  /** Whether there is a tracked file somewhere below `dir`. */
  hasFilesIn(dir: BytePath): boolean {
    return this.#files.has(dir);
  }
}
