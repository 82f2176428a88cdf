import { type BytePath, parentOf } from '../byte-path.ts';
import type { GitIndex, IndexEntry } from '../git/index-file.ts';

/** The index by path: one entry a path (an unmerged path's lowest stage), and which directories hold any. */
export class TrackedFiles {
  /** In byte order of the paths. */
  readonly entries: readonly IndexEntry[];
  readonly unmerged: readonly IndexEntry[];
  readonly #positions = new Map<BytePath, number>();
  readonly #directories = new Set<BytePath>(['']);

  constructor(index: GitIndex) {
    const entries: IndexEntry[] = [];
    const unmerged: IndexEntry[] = [];
    let lastDir = '';
    for (const entry of index.entries) {
      if (entry.stage !== 0) unmerged.push(entry);
      if (entry.stage !== 0 && entries.at(-1)?.path === entry.path) continue;
      this.#positions.set(entry.path, entries.length);
      entries.push(entry);
      const dir = parentOf(entry.path);
      if (dir === lastDir) continue;
      lastDir = dir;
      for (let up = dir; !this.#directories.has(up); up = parentOf(up)) this.#directories.add(up);
    }
    this.entries = entries;
    this.unmerged = unmerged;
  }

  position(path: BytePath): number | undefined {
    return this.#positions.get(path);
  }

  hasFilesIn(dir: BytePath): boolean {
    return this.#directories.has(dir);
  }
}
