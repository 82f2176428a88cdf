import type { BytePath } from '../base/byte-path.ts';
import type { IndexEntry } from '../git/index-entry.ts';
import type { GitIndex } from '../git/index-file.ts';

/** Positions from `start` up to, and without, `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * The index by path: one entry a path (an unmerged path's lowest stage). Found by search in the
 * order that the index has anyway, which takes less time than filling a table of all paths.
 */
export class TrackedFiles {
  /** In byte order of the paths. */
  readonly entries: readonly IndexEntry[];
  readonly unmerged: readonly IndexEntry[];

  constructor({ entries }: Pick<GitIndex, 'entries'>) {
    this.unmerged = entries.filter((entry) => entry.stage !== 0);
    const isFirst = (entry: IndexEntry, i: number) => entry.stage === 0 || entries[i - 1]?.path !== entry.path;
    this.entries = this.unmerged.length === 0 ? entries : entries.filter(isFirst);
  }

  position(path: BytePath): number | undefined {
    const at = search(this.entries, path, 0, this.entries.length);
    return this.entries[at]?.path === path ? at : undefined;
  }

  /**
   * The files in `dir`, at any depth. `within`: those in a directory that holds it. `likely`: all
   * files of some directory, perhaps of this one, which spares the search.
   */
  below(dir: BytePath, within: Range = { start: 0, end: this.entries.length }, likely: Range = EMPTY): Range {
    if (dir === '') return within;
    if (!isEmpty(likely) && this.entries[likely.start]!.path.startsWith(`${dir}/`)) return likely;
    const start = search(this.entries, `${dir}/`, within.start, within.end);
    return { start, end: endOf(this.entries, dir, start, within.end) };
  }

  /** Whether there is a tracked file somewhere below `dir`. */
  hasFilesIn(dir: BytePath): boolean {
    return !isEmpty(this.below(dir));
  }

  /** The files directly in `dir`, whose files at any depth are `below`. */
  directlyIn(dir: BytePath, below: Range): FilesOfDirectory {
    const prefix = dir === '' ? 0 : dir.length + 1;
    return new FilesOfDirectory(this.entries, prefix, below);
  }
}

/** Position of the first path from `start` up to `end` that is not before `path`. */
function search(entries: readonly IndexEntry[], path: BytePath, start: number, end: number): number {
  let low = start;
  let high = end;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle]!.path < path) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Position after the files in `dir`, of which the first, if there is any, is at `start`. */
function endOf(entries: readonly IndexEntry[], dir: BytePath, start: number, end: number): number {
  // '0' is the byte after the slash.
  const after = `${dir}0`;
  // Most directories are small: their end is near.
  let step = 8;
  while (start + step < end && entries[start + step]!.path < after) step *= 4;
  return search(entries, after, start, Math.min(start + step, end));
}

const EMPTY: Range = { start: 0, end: 0 };

export function isEmpty({ start, end }: Range): boolean {
  return start === end;
}

/** The tracked files directly in one directory, asked for in byte order of their names. */
export class FilesOfDirectory {
  readonly #entries: readonly IndexEntry[];
  /** Length of what all paths begin with. */
  readonly #prefix: number;
  readonly #end: number;
  #at: number;
  /** The files of the last directory that was passed on the way. */
  passed: Range = EMPTY;

  constructor(entries: readonly IndexEntry[], prefix: number, { start, end }: Range) {
    this.#entries = entries;
    this.#prefix = prefix;
    this.#at = start;
    this.#end = end;
  }

  /** Position of the file of that name. No name may come before one that was asked for earlier. */
  position(name: string): number | undefined {
    const length = this.#prefix + name.length;
    while (this.#at < this.#end) {
      const { path } = this.#entries[this.#at]!;
      if (path.length === length && path.endsWith(name)) return this.#at++;
      const slash = path.indexOf('/', this.#prefix);
      if (slash !== -1) {
        this.passed = { start: this.#at, end: endOf(this.#entries, path.slice(0, slash), this.#at, this.#end) };
        this.#at = this.passed.end;
      } else if (path.slice(this.#prefix) < name) this.#at++;
      else return undefined;
    }
    return undefined;
  }
}
