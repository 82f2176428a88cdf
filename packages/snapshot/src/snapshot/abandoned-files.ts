import fs from 'node:fs';
import path from 'node:path';
import { readIfThere, removeIfThere } from '../base/durable.ts';
import { codeOf } from '../base/errors.ts';
import { packedRefsWithout } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import { SNAPSHOT_REFS } from './snapshot-id.ts';

/** Whoever writes a temporary file or holds a lock touches it far more often than this. */
const ABANDONED_AFTER_MS = 600_000;

/**
 * Removes what killed processes of ours left in the git directory and nobody else ever would: temporary files, and locks on
 * snapshots' refs. A killed drop may also have left `packed-refs.lock`, which would stop git itself; it is removed only
 * if it holds what that drop was writing.
 */
export function sweepLeftovers(repo: Repository): void {
  removePackedRefsLock(repo);
  const objects = path.join(repo.commonDir, 'objects');
  finishPacks(path.join(objects, 'pack'));
  removeAbandoned(objects, /^tmp_obj_devs_/);
  removeAbandoned(path.join(objects, 'pack'), /^tmp_(?:pack|idx)_devs_/);
  removeAbandoned(path.join(repo.commonDir, SNAPSHOT_REFS), /\.lock$/);
  for (const dir of [repo.gitDir, path.join(repo.gitDir, 'devs'), path.join(repo.commonDir, 'devs')])
    removeAbandoned(dir, /\.tmp\.[0-9a-f]{12}$/);
}

function removeAbandoned(dir: string, pattern: RegExp): void {
  for (const name of namesIn(dir)) {
    if (!pattern.test(name)) continue;
    const file = path.join(dir, name);
    if (isAbandoned(file)) removeIfThere(file);
  }
}

/** Killed between the two renames, a writer leaves a pack without its index. The index is whole, and names its pack. */
function finishPacks(dir: string): void {
  for (const name of namesIn(dir)) {
    if (!name.startsWith('tmp_idx_devs_')) continue;
    const file = path.join(dir, name);
    if (!isAbandoned(file)) continue;
    const bytes = fs.readFileSync(file);
    const base = path.join(dir, `pack-${bytes.toString('hex', Math.max(0, bytes.length - 40), bytes.length - 20)}`);
    if (fs.existsSync(`${base}.pack`) && !fs.existsSync(`${base}.idx`)) fs.renameSync(file, `${base}.idx`);
  }
}

function removePackedRefsLock(repo: Repository): void {
  if (!isAbandoned(path.join(repo.commonDir, 'packed-refs.lock'))) return;
  for (const name of namesIn(path.join(repo.commonDir, SNAPSHOT_REFS))) {
    if (name.endsWith('.lock') && removeOwnPackedLock(repo, SNAPSHOT_REFS + name.slice(0, -'.lock'.length))) return;
  }
}

/** Removes `packed-refs.lock` if it holds what a drop of `ref` was writing. */
function removeOwnPackedLock(repo: Repository, ref: string): boolean {
  const packed = path.join(repo.commonDir, 'packed-refs');
  const [found, bytes] = [readIfThere(`${packed}.lock`), readIfThere(packed)];
  if (found === null || bytes === null) return false;
  return found.equals(packedRefsWithout(bytes, ref).subarray(0, found.length)) && removeIfThere(`${packed}.lock`);
}

/** Git writes a lock within this; nobody is at work on one that is older and still has only the beginning. */
const WRITTEN_WITHIN_MS = 2_000;

/**
 * Removes what a killed drop of `ref` left, at once: for callers who know that nobody else is dropping it. Its lock stays as
 * long as that of the packed refs may be git's.
 */
export function removeDeadDrop(repo: Repository, ref: string): void {
  const lock = path.join(repo.commonDir, `${ref}.lock`);
  if (!fs.existsSync(lock)) return;
  const packedLock = path.join(repo.commonDir, 'packed-refs.lock');
  if (fs.existsSync(packedLock) && !(isAbandoned(packedLock, WRITTEN_WITHIN_MS) && removeOwnPackedLock(repo, ref)))
    return;
  removeIfThere(lock);
}

function isAbandoned(file: string, afterMs: number = ABANDONED_AFTER_MS): boolean {
  const stat = fs.lstatSync(file, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > afterMs;
}

function namesIn(dir: string): string[] {
  try {
    return fs.readdirSync(dir);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
