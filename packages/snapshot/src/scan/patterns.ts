import type { BytePath } from '../base/byte-path.ts';
import { wildmatch } from '../git/wildmatch.ts';

/** One line of an ignore file, ready to match. */
export interface Pattern {
  readonly negated: boolean;
  readonly directoryOnly: boolean;
  /** `path` is relative to the directory of the pattern's file; `name` is its last part. */
  matches(path: BytePath, name: BytePath): boolean;
}

/** Patterns of one file and the directory they are relative to. */
export interface PatternFile {
  /** '' or a directory ending in a slash. */
  readonly base: BytePath;
  readonly patterns: readonly Pattern[];
}

/** The rules of gitignore(5). */
export function parseIgnoreFile(bytes: Buffer, base: BytePath, ignoreCase: boolean): PatternFile {
  const patterns: Pattern[] = [];
  for (const line of linesOf(bytes)) {
    const pattern = parsePattern(line, ignoreCase);
    if (pattern !== null) patterns.push(pattern);
  }
  return { base, patterns };
}

export function linesOf(bytes: Buffer): string[] {
  return bytes
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .split('\n')
    .map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
}

export function parsePattern(line: string, ignoreCase: boolean): Pattern | null {
  let text = trimTrailingSpaces(line);
  if (text === '' || text.startsWith('#')) return null;
  const negated = text.startsWith('!');
  if (negated) text = text.slice(1);
  const directoryOnly = text.endsWith('/');
  if (directoryOnly) text = text.slice(0, -1);
  if (text === '') return null;
  const anchored = text.includes('/');
  if (text.startsWith('/')) text = text.slice(1);
  const test = matcher(text, anchored, ignoreCase);
  if (test === null) return null;
  return { negated, directoryOnly, matches: anchored ? (path) => test(path) : (_path, name) => test(name) };
}

/** Spaces at the end do not count unless the last one is quoted with a backslash. */
function trimTrailingSpaces(line: string): string {
  let end = line.length;
  while (end > 0 && line[end - 1] === ' ') {
    let slashes = 0;
    while (line[end - 2 - slashes] === '\\') slashes++;
    if (slashes % 2 === 1) break;
    end--;
  }
  return line.slice(0, end);
}

function matcher(text: string, anchored: boolean, ignoreCase: boolean): ((value: string) => boolean) | null {
  if (!ignoreCase && !/[*?[\\]/.test(text)) return (value) => value === text;
  // A name has no slash that the star could not cross; a path may.
  if (!ignoreCase && !anchored && /^\*[^*?[\\/]+$/.test(text)) {
    const suffix = text.slice(1);
    return (value) => value.endsWith(suffix);
  }
  const regexp = wildmatch(text, ignoreCase);
  return regexp === null ? null : (value) => regexp.test(value);
}

/** The verdict of the last pattern that matches, nearest file first; null where none does. */
export function lastMatch(files: readonly PatternFile[], path: BytePath, isDirectory: boolean): boolean | null {
  const name = path.slice(path.lastIndexOf('/') + 1);
  for (let f = files.length - 1; f >= 0; f--) {
    const { base, patterns } = files[f]!;
    const relative = base === '' ? path : path.slice(base.length);
    for (let p = patterns.length - 1; p >= 0; p--) {
      const pattern = patterns[p]!;
      if (pattern.directoryOnly && !isDirectory) continue;
      if (pattern.matches(relative, name)) return !pattern.negated;
    }
  }
  return null;
}
