import fs from 'node:fs';
import path from 'node:path';
import { codeOf } from '../base/errors.ts';
import { readRegularFile } from '../base/regular-file.ts';
import type { GitEnvironment } from './environment.ts';
import { notARepository } from './repository-errors.ts';

/** Git's own limit on a `.git` file (setup.c, read_gitfile_gently). */
export const GIT_FILE_LIMIT: number = 1024 * 1024;

/** Git's own test (setup.c, is_git_directory): a HEAD that could be one, objects and refs. */
export function isGitDirectory(dir: string, environment: GitEnvironment): boolean {
  if (!isHead(path.join(dir, 'HEAD'))) return false;
  const common = commonDirOf(dir, environment);
  return isThere(path.join(common, 'objects')) && isThere(path.join(common, 'refs'));
}

/**
 * A `.git` directory that git would not take for a repository any more, and which was one: a
 * command took away or damaged its HEAD or its refs. It still is what devs has to restore; a search
 * that went on would find another repository.
 */
export function isDamagedGitDirectory(dir: string): boolean {
  if (!isThere(path.join(dir, 'objects'))) return false;
  return isThere(path.join(dir, 'refs')) || isThere(path.join(dir, 'devs'));
}

/** Whether HEAD names a ref or an object; an old one is a symbolic link to a ref. */
function isHead(file: string): boolean {
  const stat = lstatIfThere(file);
  if (stat?.isSymbolicLink()) {
    if (fs.readlinkSync(file).startsWith('refs/')) return true;
    if (!statIfThere(file)?.isFile()) return false;
  } else if (!stat?.isFile()) return false;
  const text = firstBytes(file, 256);
  return /^ref:\s*refs\//.test(text) || /^[0-9a-f]{40}/i.test(text);
}

function firstBytes(file: string, length: number): string {
  const fd = fs.openSync(file, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0));
  try {
    const bytes = Buffer.alloc(length);
    return bytes.toString('latin1', 0, fs.readSync(fd, bytes, 0, length, 0));
  } finally {
    fs.closeSync(fd);
  }
}

/** Objects, refs and configuration of the repository that `gitDir` belongs to. */
export function commonDirOf(gitDir: string, environment: GitEnvironment): string {
  if (environment.commonDir !== null) return environment.commonDir;
  const file = path.join(gitDir, 'commondir');
  const bytes = readRegularFile(file, { limit: GIT_FILE_LIMIT, code: 'DEVS_NOT_A_REPOSITORY' });
  const target = stringOf(bytes ?? Buffer.alloc(0)).replace(/[\r\n]+$/, '');
  return target === '' ? gitDir : path.resolve(gitDir, target);
}

/** What a `.git` file names; null where it names nothing. */
export function gitFileTarget(bytes: Buffer): string | null {
  return /^gitdir: (.+?)[\r\n]*$/s.exec(stringOf(bytes))?.[1] ?? null;
}

/** To git, these files are strings of C: they end at the first NUL, which no path can hold. */
function stringOf(bytes: Buffer): string {
  return bytes.toString('utf8').split('\0', 1)[0]!;
}

/**
 * The git directory that the file `.git` names, as a real path; null where it is no file.
 * @throws AtomicSnapshotError `DEVS_NOT_A_REPOSITORY` where it is a file and names none: git
 * refuses, too.
 */
export function readGitFile(file: string, environment: GitEnvironment): string | null {
  const stat = statIfThere(file);
  if (stat === null || stat.isDirectory()) return null;
  const bytes = readRegularFile(file, { limit: GIT_FILE_LIMIT, code: 'DEVS_NOT_A_REPOSITORY' });
  if (bytes === null) return null;
  const target = gitFileTarget(bytes);
  if (target === null) throw notARepository(file, 'is a file that names no git directory', ['cat', file]);
  const dir = path.resolve(path.dirname(file), target);
  if (!isThere(dir)) {
    throw notARepository(file, `points to ${dir}, which does not exist`, ['cat', file]);
  }
  if (!isGitDirectory(dir, environment)) {
    throw notARepository(file, `points to ${dir}, which is no git directory`, ['ls', '-la', dir]);
  }
  return fs.realpathSync(dir);
}

function isThere(file: string): boolean {
  try {
    return statIfThere(file) !== null;
  } catch (error) {
    if (codeOf(error) === 'ELOOP' || codeOf(error) === 'ENAMETOOLONG') return false;
    throw error;
  }
}

function statIfThere(file: string): fs.Stats | null {
  return ifThere(() => fs.statSync(file, { throwIfNoEntry: false }));
}

function lstatIfThere(file: string): fs.Stats | null {
  return ifThere(() => fs.lstatSync(file, { throwIfNoEntry: false }));
}

function ifThere(stat: () => fs.Stats | undefined): fs.Stats | null {
  try {
    return stat() ?? null;
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return null;
    throw error;
  }
}
