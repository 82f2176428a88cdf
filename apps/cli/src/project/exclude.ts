import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Repository } from '@devs/snapshot';

/**
 * Narrow on purpose: `.devs*` would also hide a file of the user's, `.devspace.yaml` say, from git
 * and from devs.
 */
const LINES = ['/.devs-state.lock*'];
/** Rules that a person or a tool wrote are a few kilobytes. */
const MAX_BYTES = 1 << 20;

/** Lines that `excludeOwnFiles` would add. */
export function missingExcludes(repo: Repository): string[] {
  const present = new Set((read(excludeFile(repo))?.text ?? '').split(/\r?\n/));
  return LINES.filter((line) => !present.has(line));
}

/**
 * Hides devs's own files from git, once, in `info/exclude`: never in the user's `.gitignore`. False
 * where the lines are missing and the file is not one to write to: a link, a pipe, a file with a
 * second name. git does without them.
 */
export function excludeOwnFiles(repo: Repository): boolean {
  const missing = missingExcludes(repo);
  if (missing.length === 0) return true;
  const file = excludeFile(repo);
  const info = path.dirname(file);
  if (!isOwnKind(repo)) return false;
  const { text, mode } = read(file) ?? { text: '', mode: 0o666 };
  const separator = text === '' || text.endsWith('\n') ? '' : '\n';
  try {
    if (!isThere(info)) fs.mkdirSync(info);
    replace(file, `${text}${separator}# added by devs\n${missing.join('\n')}\n`, mode);
    return true;
  } catch (error) {
    // The lines are a courtesy. Where they cannot be written, git shows the lock file as untracked.
    if (['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return false;
    throw error;
  }
}

/** Whole or not at all. A file without these lines does no harm, so nothing waits for the disk. */
function replace(file: string, text: string, mode: number): void {
  const temporary = `${file}.devs.${randomBytes(6).toString('hex')}`;
  fs.writeFileSync(temporary, text, { flag: 'wx', mode });
  try {
    fs.renameSync(temporary, file);
  } catch (error) {
    fs.unlinkSync(temporary);
    throw error;
  }
}

/**
 * Null where there is no such file, or it is not a regular one with one name and of a likely size.
 */
function read(file: string): { readonly text: string; readonly mode: number } | null {
  const stat = statIfThere(file);
  if (stat === undefined || !stat.isFile() || stat.nlink !== 1 || stat.size > MAX_BYTES) return null;
  return { text: fs.readFileSync(file, 'utf8'), mode: stat.mode & 0o777 };
}

function isThere(file: string): boolean {
  return statIfThere(file) !== undefined;
}

/** Below something that is no directory there is nothing. */
function statIfThere(file: string): fs.Stats | undefined {
  try {
    return fs.lstatSync(file, { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Whether `info/exclude` is absent or a file of its own, which devs may replace. */
export function isOwnKind(repo: Repository): boolean {
  const file = excludeFile(repo);
  const info = statIfThere(path.dirname(file));
  return (info === undefined || info.isDirectory()) && (!isThere(file) || read(file) !== null);
}

export function excludeFile(repo: Repository): string {
  return path.join(repo.commonDir, 'info', 'exclude');
}
