import fs from 'node:fs';
import path from 'node:path';
import { readTextIfThere } from '../base/durable.ts';
import { AtomicSnapshotError, codeOf, type SnapshotErrorCode } from '../base/errors.ts';
import { readRegularFile } from '../base/regular-file.ts';
import type { GitConfig } from './config.ts';
import { readConfig } from './config-reader.ts';
import { defaultEnvironment, type GitEnvironment } from './environment.ts';

/** Where a work tree and its git directories are. All paths are absolute and real. */
export interface Repository {
  /** Top of the work tree. */
  readonly root: string;
  /** HEAD, index and operation files of this work tree. */
  readonly gitDir: string;
  /** Objects, refs and configuration, shared between linked work trees. */
  readonly commonDir: string;
  /** What git calls a linked work tree; null for the main one. */
  readonly workTreeName: string | null;
  readonly config: GitConfig;
  readonly environment: GitEnvironment;
}

/** Where a repository is: a directory inside its work tree, or the repository itself, found earlier. */
export type Place = string | Repository;

/**
 * Finds the work tree that contains `place`; one found earlier is believed, its configuration too.
 * @throws AtomicSnapshotError `DEVS_NOT_A_REPOSITORY`, `DEVS_BARE_REPOSITORY`, `DEVS_SHA256_REPOSITORY`,
 * `DEVS_REFTABLE_REPOSITORY`, `DEVS_REPOSITORY_FORMAT`, `DEVS_UNREADABLE`.
 */
export function findRepository(place: Place, environment: GitEnvironment = defaultEnvironment()): Repository {
  if (typeof place !== 'string') return place;
  try {
    return findUpwards(place, environment);
  } catch (error) {
    if (codeOf(error) !== 'EACCES') throw error;
    throw new AtomicSnapshotError('DEVS_UNREADABLE', `may not read ${(error as NodeJS.ErrnoException).path ?? place}`, {
      hint: ['ls', '-ld', path.resolve(place)],
      data: { path: place },
      cause: error,
    });
  }
}

function findUpwards(cwd: string, environment: GitEnvironment): Repository {
  if (!fs.existsSync(cwd)) throw notARepository(cwd);
  for (let dir = fs.realpathSync(cwd); ; dir = path.dirname(dir)) {
    const gitDir = gitDirOf(dir);
    if (gitDir !== null) return checked(dir, gitDir, environment);
    if (looksLikeGitDir(dir)) throw bare(dir);
    if (path.dirname(dir) === dir) throw notARepository(cwd);
  }
}

function gitDirOf(dir: string): string | null {
  const dotGit = path.join(dir, '.git');
  const stat = fs.statSync(dotGit, { throwIfNoEntry: false });
  if (stat === undefined) return null;
  if (stat.isDirectory()) return looksLikeGitDir(dotGit) ? fs.realpathSync(dotGit) : null;
  const text = readRegularFile(dotGit, { limit: 1 << 20, code: 'DEVS_NOT_A_REPOSITORY' })?.toString('utf8');
  const target = /^gitdir: (.+?)\r?\n?$/.exec(text ?? '')?.[1];
  if (target === undefined) return null;
  const resolved = path.resolve(dir, target);
  if (!fs.existsSync(resolved)) {
    throw new AtomicSnapshotError('DEVS_NOT_A_REPOSITORY', `${dotGit} points to ${resolved}, which does not exist`, {
      hint: ['git', 'worktree', 'repair'],
      data: { path: dotGit },
    });
  }
  return fs.realpathSync(resolved);
}

/** Git's own test: a HEAD, and objects and refs here or in the common directory. */
function looksLikeGitDir(dir: string): boolean {
  if (!fs.existsSync(path.join(dir, 'HEAD'))) return false;
  const common = commonDirOf(dir);
  return fs.existsSync(path.join(common, 'objects')) && fs.existsSync(path.join(common, 'refs'));
}

function commonDirOf(gitDir: string): string {
  const text = readTextIfThere(path.join(gitDir, 'commondir'));
  return text === null ? gitDir : path.resolve(gitDir, text.trim());
}

function checked(root: string, gitDir: string, environment: GitEnvironment): Repository {
  const commonDir = fs.realpathSync(commonDirOf(gitDir));
  const config = readConfig({ commonDir, gitDir }, environment);
  const refuse = (code: SnapshotErrorCode, what: string) =>
    new AtomicSnapshotError(code, `${root} ${what}`, { data: { path: root } });
  if (config.get('extensions.objectformat')?.toLowerCase() === 'sha256') {
    throw refuse(
      'DEVS_SHA256_REPOSITORY',
      'uses SHA-256 object names, which devs does not support; nothing was changed',
    );
  }
  if (config.get('extensions.refstorage')?.toLowerCase().startsWith('reftable')) {
    throw refuse(
      'DEVS_REFTABLE_REPOSITORY',
      'stores its refs as a reftable, which devs does not support; nothing was changed',
    );
  }
  const version = Number(config.get('core.repositoryformatversion') ?? '0');
  if (version > 1) throw refuse('DEVS_REPOSITORY_FORMAT', `has repository format ${version}; devs knows 0 and 1`);
  if (gitDir === commonDir && config.bool('core.bare', false)) throw bare(root);
  const workTreeName = gitDir === commonDir ? null : path.basename(gitDir);
  return { root, gitDir, commonDir, workTreeName, config, environment };
}

function notARepository(cwd: string): AtomicSnapshotError {
  return new AtomicSnapshotError('DEVS_NOT_A_REPOSITORY', `${cwd} is not inside a git work tree`, {
    hint: ['git', 'init'],
    data: { path: cwd },
  });
}

function bare(dir: string): AtomicSnapshotError {
  return new AtomicSnapshotError(
    'DEVS_BARE_REPOSITORY',
    `${dir} is a bare repository: there is no work tree to protect`,
    {
      hint: ['git', '-C', dir, 'worktree', 'add', '../work'],
      data: { path: dir },
    },
  );
}
