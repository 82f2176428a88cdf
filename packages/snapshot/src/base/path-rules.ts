import process from 'node:process';
import type { BytePath } from './byte-path.ts';

/** Git's default for `core.maxTreeDepth`; it reads no deeper tree either. */
export const MAX_TREE_DEPTH = 2048;

/** Longer paths than this reach no file on any system that devs runs on. */
const MAX_PATH_BYTES = 65_536;

/** Nearly all names are told apart by this: without any of it a name breaks no rule. */
const SUSPICIOUS = /^$|^[.gG]|[/\0\\:\x80-\xff]/;
const SUSPICIOUS_PATH = /(?:^|\/)(?:[.gG/]|$)|[\0\\:\x80-\xff]/;

/** Code points that HFS+ ignores in names: next_hfs_char in git's utf8.c. */
const HFS_IGNORES = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

/**
 * What forbids `name` as the name of a tree entry, or null where nothing does: git's verify_path
 * (read-cache.c) with `core.protectHFS` and `core.protectNTFS`, on every system. A tree is read on
 * another system than it was written on, so a name that is `.git` anywhere is refused everywhere.
 */
export function nameProblem(name: string): string | null {
  if (!SUSPICIOUS.test(name)) return null;
  if (name === '') return 'is empty';
  if (name === '.' || name === '..') return 'leads to another directory';
  if (name.includes('/')) return 'holds a slash';
  if (name.includes('\0')) return 'holds a NUL byte';
  if (process.platform === 'win32' && /[\\:]/.test(name)) return 'holds a separator';
  return isHfsDotGit(name) || isNtfsDotGit(name) ? "is git's own directory" : null;
}

/** The same for each part of a path that is relative to the work tree's top. */
export function pathProblem(path: BytePath): string | null {
  if (path.length > MAX_PATH_BYTES) return 'is too long';
  if (!SUSPICIOUS_PATH.test(path)) return null;
  const names = path.split('/');
  if (names.length > MAX_TREE_DEPTH) return 'is too deep';
  for (const name of names) {
    const problem = nameProblem(name);
    if (problem !== null) return problem;
  }
  return null;
}

/** Git's is_hfs_dotgit, which takes bytes that are no UTF-8 as the name's end. */
function isHfsDotGit(name: string): boolean {
  const text = Buffer.from(name, 'latin1').toString('utf8');
  const end = text.indexOf('\ufffd');
  const folded = (end === -1 ? text : text.slice(0, end)).replace(HFS_IGNORES, '');
  return folded.toLowerCase() === '.git';
}

/**
 * Git's is_ntfs_dotgit: short names, alternate streams, and the dots and spaces that NTFS drops at
 * a name's end. A backslash begins a new name there, and a colon ends the last one.
 */
function isNtfsDotGit(name: string): boolean {
  const names = name.split(':', 1)[0]!.split('\\');
  return names.some((part) => /^(?:\.git|git~1)[ .]*$/i.test(part));
}
