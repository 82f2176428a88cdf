import type { BytePath } from '../base/byte-path.ts';
import { type Matcher, wildmatch } from '../git/wildmatch.ts';

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

/**
 * Patterns of one file that are looked at; git has no limit. What is beyond it is as if it were not
 * there, so that a file made of lines alone neither fills the memory nor is asked about each path
 * for ever: what it would ignore is captured.
 */
const PATTERNS = 100_000;

/** The rules of gitignore(5). */
export function parseIgnoreFile(bytes: Buffer, base: BytePath, ignoreCase: boolean): PatternFile {
  const patterns: Pattern[] = [];
  for (const line of linesOf(bytes)) {
    const pattern = parsePattern(line, ignoreCase);
    if (pattern !== null && patterns.push(pattern) === PATTERNS) break;
  }
  return { base, patterns };
}

/** A line is a string of C to git: it ends at the first NUL, too. */
export function* linesOf(bytes: Buffer): Generator<string> {
  let start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (start < bytes.length) {
    const newline = bytes.indexOf(0x0a, start);
    const next = newline === -1 ? bytes.length : newline;
    let line = bytes.toString('latin1', start, bytes[next - 1] === 0x0d && next > start ? next - 1 : next);
    const nul = line.indexOf('\0');
    if (nul !== -1) line = line.slice(0, nul);
    yield line;
    start = next + 1;
  }
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

function matcher(text: string, anchored: boolean, ignoreCase: boolean): Matcher | null {
  const wild = text.search(/[*?[\\]/);
  if (wild === -1) return ignoreCase ? equalsIgnoringCase(text) : (value) => value === text;
  // A name has no slash that the star could not cross; a path may.
  if (!ignoreCase && !anchored && /^\*[^*?[\\/]+$/.test(text)) {
    const suffix = text.slice(1);
    return (value) => value.endsWith(suffix);
  }
  if (!anchored || wild === 0) return wildmatch(text, ignoreCase);
  // Git compares the part before the first special character by itself, and then sees what follows
  // as a pattern of its own (dir.c, match_pathname): so `a**/b` begins with `**/`, too.
  const rest = wildmatch(text.slice(wild), ignoreCase);
  if (rest === null) return null;
  const isStart = startsWith(text.slice(0, wild), ignoreCase);
  return (value) => isStart(value) && rest(value.slice(wild));
}

function equalsIgnoringCase(text: string): Matcher {
  const lower = toLowerAscii(text);
  return (value) => value.length === lower.length && toLowerAscii(value) === lower;
}

function startsWith(prefix: string, ignoreCase: boolean): Matcher {
  if (!ignoreCase) return (value) => value.startsWith(prefix);
  const lower = toLowerAscii(prefix);
  return (value) => toLowerAscii(value.slice(0, prefix.length)) === lower;
}

/** Git folds letters of ASCII alone: the others are bytes of something that it does not know. */
function toLowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
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
