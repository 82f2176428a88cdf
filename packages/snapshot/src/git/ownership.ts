import fs from 'node:fs';
import path from 'node:path';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';
import { readTrustedConfig } from './config-reader.ts';
import { expandUserPath, type GitEnvironment } from './environment.ts';

const ROOT = 0;

/**
 * Refuses a repository that another user made: its configuration would decide what happens on this
 * user's machine (CVE-2022-24765). The rule is git's `safe.directory` (git-config(1)): each of
 * `parts` must belong to the user, or the configuration that no repository can write must say that
 * `name` is safe. Windows has owners of another kind; there nothing is asked.
 * @throws AtomicSnapshotError `DEVS_UNSAFE_REPOSITORY`
 */
export function assertOwned(name: string, parts: readonly string[], environment: GitEnvironment): void {
  const { uid } = environment;
  if (uid === null) return;
  for (const part of parts) {
    const owner = fs.lstatSync(part).uid;
    if (isOwn(owner, uid, environment.sudoUid)) continue;
    if (isDeclaredSafe(name, environment)) return;
    throw new AtomicSnapshotError(
      'DEVS_UNSAFE_REPOSITORY',
      `${part} belongs to user ${owner}, and you are user ${uid}: another user's repository could run their programs as you`,
      { hint: ['git', 'config', '--global', '--add', 'safe.directory', name], data: { path: part, owner, uid } },
    );
  }
}

/** As root by sudo, one owns what one's own account owns, too. */
function isOwn(owner: number, uid: number, sudoUid: string | null): boolean {
  if (owner === uid) return true;
  return uid === ROOT && sudoUid !== null && /^\d+$/.test(sudoUid) && Number(sudoUid) === owner;
}

function isDeclaredSafe(name: string, environment: GitEnvironment): boolean {
  let isSafe = false;
  for (const value of readTrustedConfig(environment).allTrusted('safe.directory')) {
    // An empty value takes back what was said before.
    if (value === '') isSafe = false;
    else if (value === '*' || covers(value, name, environment)) isSafe = true;
  }
  return isSafe;
}

/**
 * Whether `value`, a path or a path that ends in a slash and a star, means the directory `name`.
 */
function covers(value: string, name: string, environment: GitEnvironment): boolean {
  const expanded = expandUserPath(value, environment);
  if (expanded === null || !path.isAbsolute(expanded)) return false;
  const isFolder = expanded.endsWith('/*');
  const wanted = realPathOf(isFolder ? expanded.slice(0, -2) || '/' : expanded);
  if (wanted === null) return false;
  return isFolder ? name.startsWith(wanted === '/' ? '/' : `${wanted}/`) : name === wanted;
}

/**
 * Null where there is no such path, which is no error: one configuration is shared by many
 * machines.
 */
function realPathOf(file: string): string | null {
  try {
    return fs.realpathSync(file);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG'].includes(codeOf(error))) return null;
    throw error;
  }
}
