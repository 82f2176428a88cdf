import fs from 'node:fs';
import path from 'node:path';
import { codeOf } from './errors.ts';

/**
 * What work trees made by git-new-workdir, or by Android's repo, share with another repository:
 * each is a link to the same name in that repository's git directory. Git reads and writes through
 * these links.
 */
const DIRECTORIES: ReadonlySet<string> = new Set(['objects', 'refs', 'logs', 'info']);
const FILES: ReadonlySet<string> = new Set(['config', 'packed-refs', 'shallow']);

/**
 * Where the link `file` leads, if it is one of the links that git itself would follow; else null.
 */
export function sharedFile(file: string | Buffer): string | null {
  const name = String(file);
  if (!FILES.has(path.basename(name))) return null;
  try {
    const actual = fs.realpathSync(name);
    return path.basename(actual) === path.basename(name) && isGitDirectory(path.dirname(actual)) ? actual : null;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ELOOP' || codeOf(error) === 'ENOTDIR') return null;
    throw error;
  }
}

/**
 * Whether `dir` leads to `actual` by links that git itself would follow, all of them into one other
 * git directory.
 */
export function isSharedDirectory(dir: string, actual: string): boolean {
  const asked = dir.split(path.sep);
  const found = actual.split(path.sep);
  for (let same = 1; same < Math.min(asked.length, found.length); same++) {
    const name = asked.at(-same)!;
    if (found.at(-same) !== name) return false;
    if (DIRECTORIES.has(name) && isGitDirectory(found.slice(0, -same).join(path.sep))) return true;
  }
  return false;
}

function isGitDirectory(dir: string): boolean {
  return ['HEAD', 'objects', 'refs'].every((name) => {
    return fs.statSync(path.join(dir, name), { throwIfNoEntry: false }) !== undefined;
  });
}
