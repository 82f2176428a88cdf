import fs from 'node:fs';
import path from 'node:path';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';
import { readTrustedConfig } from './config-reader.ts';
import { type GitEnvironment, isOn } from './environment.ts';
import { commonDirOf, isDamagedGitDirectory, isGitDirectory, readGitFile } from './git-directory.ts';
import { assertOwned } from './ownership.ts';
import { bareRepository, notARepository } from './repository-errors.ts';
import { readRepositoryFormat } from './repository-format.ts';

/** Where git would work; all paths are absolute and real. */
export interface Discovery {
  readonly root: string;
  readonly gitDir: string;
  readonly commonDir: string;
}

/** A git directory, and where it was found. */
interface Found {
  readonly gitDir: string;
  /** The directory whose `.git` it is; null where it was named, or is a bare repository. */
  readonly dir: string | null;
  readonly how: 'discovered' | 'named' | 'bare';
}

/**
 * Finds what `git rev-parse --show-toplevel --absolute-git-dir` would name in the directory `cwd`,
 * or refuses. It refuses more than git does: a work tree that does not contain `cwd`, because a
 * command that runs there would not be protected.
 */
export function discover(cwd: string, environment: GitEnvironment): Discovery {
  const here = realDirectory(cwd);
  const found = environment.gitDir === null ? search(here, environment) : named(environment.gitDir, environment);
  const gitDir = found.gitDir;
  const commonDir = fs.realpathSync(commonDirOf(gitDir, environment));
  const root = workTreeOf(found, commonDir, here, environment);
  // A snapshot of it would be one of git's own files, and a restore would delete those.
  if (isWithin(root, gitDir) || isWithin(root, commonDir)) throw bareRepository(gitDir);
  if (!isWithin(here, root)) throw outside(here, root, environment);
  if (found.how === 'discovered' && root !== found.dir) assertOwned(root, [root], environment);
  assertObjectsAreHere(commonDir, environment);
  return { root, gitDir, commonDir };
}

function realDirectory(cwd: string): string {
  try {
    return fs.realpathSync(cwd);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
    let parent = path.dirname(path.resolve(cwd));
    while (!fs.existsSync(parent)) parent = path.dirname(parent);
    throw new AtomicSnapshotError('DEVS_DIRECTORY_MISSING', `the directory ${cwd} does not exist (any more)`, {
      hint: ['cd', parent],
      data: { path: cwd },
      cause: error,
    });
  }
}

/** `GIT_DIR`. Git asks for no owner then: who sets it has decided. */
function named(gitDir: string, environment: GitEnvironment): Found {
  const dir = readGitFile(gitDir, environment) ?? gitDir;
  if (dir === '' || !isGitDirectory(dir, environment)) {
    throw notARepository(`'${dir}'`, 'is named by GIT_DIR, and is no git repository', ['unset', 'GIT_DIR']);
  }
  return { gitDir: fs.realpathSync(dir), dir: null, how: 'named' };
}

/** The nearest repository upwards, as far as git would look (git(1), GIT_CEILING_DIRECTORIES). */
function search(here: string, environment: GitEnvironment): Found {
  const ceiling = ceilingOf(here, environment);
  const device = isOn(environment.acrossFileSystems) ? null : fs.statSync(here).dev;
  for (let dir = here; ; dir = path.dirname(dir)) {
    const dotGit = path.join(dir, '.git');
    const target = readGitFile(dotGit, environment);
    if (target !== null) {
      assertOwned(dir, [dotGit, dir, target], environment);
      return { gitDir: target, dir, how: 'discovered' };
    }
    if (isGitDirectory(dotGit, environment) || isDamagedGitDirectory(dotGit)) {
      const gitDir = fs.realpathSync(dotGit);
      assertOwned(dir, [dir, dotGit, gitDir], environment);
      return { gitDir, dir, how: 'discovered' };
    }
    if (isGitDirectory(dir, environment)) {
      assertBareIsAllowed(dir, environment);
      return { gitDir: dir, dir: null, how: 'bare' };
    }
    const parent = path.dirname(dir);
    const ends = parent === dir || parent === ceiling || (device !== null && fs.statSync(parent).dev !== device);
    if (ends) throw notARepository(here, 'is not inside a git work tree', ['git', 'init']);
  }
}

/** Git's `safe.bareRepository`: one that was only come across may be part of a clone. */
function assertBareIsAllowed(dir: string, environment: GitEnvironment): void {
  assertOwned(dir, [dir], environment);
  if (readTrustedConfig(environment).trusted('safe.barerepository') !== 'explicit') return;
  if (path.basename(dir) === '.git' || /\/\.git\/(?:worktrees|modules)\//.test(dir)) return;
  throw new AtomicSnapshotError(
    'DEVS_UNSAFE_REPOSITORY',
    `${dir} is a bare repository, and safe.bareRepository is 'explicit': GIT_DIR has to name it`,
    { hint: ['git', 'config', '--show-origin', '--get', 'safe.bareRepository'], data: { path: dir } },
  );
}

/** The nearest directory above `here` that the search may not enter; null where there is none. */
function ceilingOf(here: string, { ceilingDirectories }: GitEnvironment): string | null {
  if (ceilingDirectories === null) return null;
  let ceiling: string | null = null;
  let isVerbatim = false;
  for (const entry of ceilingDirectories.split(path.delimiter)) {
    // After an empty entry, links are not resolved: that may be slow where home directories are
    // mounted.
    if (entry === '') isVerbatim = true;
    if (!path.isAbsolute(entry)) continue;
    const dir = isVerbatim ? path.normalize(entry).replace(/(.)\/+$/, '$1') : realPathOrNull(entry);
    const isAbove = dir !== null && dir !== here && isWithin(here, dir);
    if (isAbove && (ceiling === null || dir.length > ceiling.length)) ceiling = dir;
  }
  return ceiling;
}

function realPathOrNull(dir: string): string | null {
  try {
    return fs.realpathSync(dir);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(codeOf(error))) return null;
    throw error;
  }
}

/** `GIT_WORK_TREE`, else `core.worktree`, else where the repository was found. */
function workTreeOf({ gitDir, dir, how }: Found, commonDir: string, here: string, environment: GitEnvironment): string {
  const { isBare, workTree } = readRepositoryFormat(gitDir, commonDir, environment);
  if (environment.workTree !== null) return workTreeAt(environment.workTree, 'GIT_WORK_TREE');
  // A bare repository that lies in a clone says nothing about where its work tree is: its files
  // came with the clone.
  if (isBare || how === 'bare') throw bareRepository(gitDir);
  if (workTree !== null) return workTreeAt(path.resolve(gitDir, workTree), `core.worktree of ${commonDir}/config`);
  if (dir !== null) return dir;
  if (isOn(environment.implicitWorkTree ?? '1')) return here;
  throw bareRepository(gitDir);
}

function workTreeAt(dir: string, by: string): string {
  const real = realPathOrNull(dir);
  if (real !== null && fs.statSync(real).isDirectory()) return real;
  throw notARepository(dir, `is the work tree by ${by}, and is no directory`, ['ls', '-ld', dir]);
}

function isWithin(dir: string, parent: string): boolean {
  return dir === parent || dir.startsWith(parent.endsWith('/') ? parent : parent + path.sep);
}

function outside(here: string, root: string, environment: GitEnvironment): AtomicSnapshotError {
  const by = environment.workTree === null ? 'core.worktree' : 'GIT_WORK_TREE';
  return new AtomicSnapshotError(
    'DEVS_OUTSIDE_WORK_TREE',
    `${here} is outside of the work tree, which is ${root} by ${by}: what happens here would not be protected`,
    { hint: ['cd', root], data: { path: here, root } },
  );
}

/** Objects elsewhere are those of a git command that has not decided to keep them yet. */
function assertObjectsAreHere(commonDir: string, { objectDirectory }: GitEnvironment): void {
  if (objectDirectory === null) return;
  const own = path.join(commonDir, 'objects');
  if (realPathOrNull(objectDirectory) === realPathOrNull(own)) return;
  throw new AtomicSnapshotError(
    'DEVS_OBJECT_DIRECTORY',
    `GIT_OBJECT_DIRECTORY is ${objectDirectory}: devs keeps snapshots among the repository's own objects, in ${own}`,
    { hint: ['unset', 'GIT_OBJECT_DIRECTORY'], data: { path: objectDirectory } },
  );
}
