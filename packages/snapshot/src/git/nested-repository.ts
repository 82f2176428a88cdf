import fs from 'node:fs';
import { isAbsolute } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { readRegularFile } from '../base/regular-file.ts';
import type { GitEnvironment } from './environment.ts';
import { GIT_FILE_LIMIT, gitFileTarget, isGitDirectory } from './git-directory.ts';

/** What the system says of a path that leads to nothing that git could read. */
const LEADS_NOWHERE: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOTDIR',
  'ENOENT',
  // A file that is too large, or that became something else.
  'DEVS_NOT_A_REPOSITORY',
]);

/**
 * Whether git takes the directory `dir`, which has an entry `.git`, for a repository of its own
 * (setup.c, is_nonbare_repository_dir). An empty directory of that name, a file that names no git
 * directory, or a pipe makes none: git lists the files beside it as untracked, like all others.
 * `dir` may be a path through a descriptor, so nothing here resolves `..` in it.
 */
export function isRepositoryInside(dir: string, environment: GitEnvironment): boolean {
  try {
    const dotGit = `${dir}/.git`;
    const stat = fs.statSync(dotGit, { throwIfNoEntry: false });
    if (stat === undefined) return false;
    if (stat.isDirectory()) return isGitDirectory(dotGit, environment);
    if (!stat.isFile()) return false;
    const target = targetOf(dotGit);
    if (target === null) return false;
    // The system's own call: Node's takes `..` away before it follows links.
    return isGitDirectory(fs.realpathSync.native(isAbsolute(target) ? target : `${dir}/${target}`), environment);
  } catch (error) {
    if (!LEADS_NOWHERE.has(codeOf(error))) throw error;
    return false;
  }
}

function targetOf(file: string): string | null {
  const bytes = readRegularFile(file, { limit: GIT_FILE_LIMIT, code: 'DEVS_NOT_A_REPOSITORY' });
  return bytes === null ? null : gitFileTarget(bytes);
}

/**
 * Whether the git directory `dir` holds nothing but what `git init` puts there: no object, no ref,
 * no index, no reflog. One that cannot be read counts as holding something.
 */
export function isEmptyGitDirectory(dir: string): boolean {
  try {
    const names = new Set(fs.readdirSync(dir));
    const hasMore = [...names].some((name) => !MADE_BY_INIT.has(name));
    return !hasMore && ['objects', 'refs'].every((name) => !names.has(name) || !holdsFile(`${dir}/${name}`));
  } catch (error) {
    if (!LEADS_NOWHERE.has(codeOf(error))) throw error;
    return false;
  }
}

const MADE_BY_INIT: ReadonlySet<string> = new Set([
  'HEAD',
  'config',
  'description',
  'hooks',
  'info',
  'branches',
  'objects',
  'refs',
]);

function holdsFile(dir: string): boolean {
  const entries = fs.readdirSync(dir, { withFileTypes: true });
  return entries.some((entry) => !entry.isDirectory() || holdsFile(`${dir}/${entry.name}`));
}
