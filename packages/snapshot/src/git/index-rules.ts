import { toText } from '../base/byte-path.ts';
import { pathProblem } from '../base/path-rules.ts';
import { DIRECTORY, EXECUTABLE, GITLINK, REGULAR, SYMLINK } from '../objects/trees.ts';
import type { IndexEntry } from './index-entry.ts';

/**
 * Refuses an entry that names no file of the work tree: one outside of it, one in the git
 * directory, or one of a mode that git does not write. Git looks at names when it adds them
 * (read-cache.c, verify_path) and believes those that it reads: `git checkout-index` writes outside
 * of the work tree.
 */
export function assertNamesFile({ path, mode }: IndexEntry, isSparse: boolean, bad: (what: string) => Error): void {
  const isDirectory = mode === DIRECTORY && isSparse && path.endsWith('/');
  const problem = pathProblem(isDirectory ? path.slice(0, -1) : path);
  if (problem !== null) throw bad(`has the entry ${JSON.stringify(toText(path))}, which ${problem}`);
  if (isFileMode(mode) || isDirectory) return;
  throw bad(`has the entry ${JSON.stringify(toText(path))} of the unknown mode ${mode.toString(8)}`);
}

export function isFileMode(mode: number): boolean {
  return mode === REGULAR || mode === EXECUTABLE || mode === SYMLINK || mode === GITLINK;
}

/** Longer names are looked at more closely. */
const PLAIN_BYTES = 1024;

/**
 * Whether the name in `bytes` breaks no rule, because none of its parts is empty or begins as `.`,
 * `git~1` or a character that HFS+ ignores begin. All names are asked, and few are not plain: this
 * takes a tenth of the time of `pathProblem`.
 */
export function isPlainName(bytes: Uint8Array, start: number, end: number): boolean {
  let isStart = true;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte === SLASH) {
      if (isStart) return false;
      isStart = true;
      continue;
    }
    if (byte === 0 || byte === BACKSLASH || byte === COLON) return false;
    if (isStart && (byte === 0x2e || byte === 0xe2 || byte === 0xef)) return false;
    if (isStart && (byte | 0x20) === 0x67 && (bytes[i + 1]! | 0x20) === 0x69) return false;
    isStart = false;
  }
  return !isStart && end - start <= PLAIN_BYTES;
}

const BACKSLASH = 0x5c;
const COLON = 0x3a;
const SLASH = 0x2f;

/**
 * Refuses entries out of order, twice the same one, and a path that is a file and a directory at
 * once.
 */
export function assertInOrder(entries: readonly IndexEntry[], bad: (what: string) => Error): void {
  for (let i = 1; i < entries.length; i++) {
    const before = entries[i - 1]!;
    const entry = entries[i]!;
    if (before.path >= entry.path) {
      if (before.path > entry.path) throw bad(`is not in order at ${JSON.stringify(toText(entry.path))}`);
      if (before.stage === 0 || before.stage >= entry.stage) {
        throw bad(`has the entry ${JSON.stringify(toText(entry.path))} twice`);
      }
    }
    // Nothing but names that continue this one can stand between it and the files of a directory of
    // its name.
    const { length } = before.path;
    if (entry.path.length <= length || entry.path.charCodeAt(length) > SLASH || before.stage !== 0) continue;
    if (entry.path.startsWith(before.path) && hasFilesBelow(entries, before.path, i)) {
      throw bad(`has ${JSON.stringify(toText(before.path))} as a file and as a directory`);
    }
  }
}

/** Whether a merged entry lies in the directory `dir`; `from`: the first that may. */
function hasFilesBelow(entries: readonly IndexEntry[], dir: string, from: number): boolean {
  const prefix = `${dir}/`;
  let [low, high] = [from, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle]!.path < prefix) low = middle + 1;
    else high = middle;
  }
  const found = entries[low];
  return found?.path.startsWith(prefix) === true && found.stage === 0;
}
