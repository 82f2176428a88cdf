import fs from 'node:fs';
import path from 'node:path';
import { readOptional, removeIfThere, removeRegular } from '../base/durable.ts';
import { codeOf } from '../base/errors.ts';
import { RealDirectory } from '../base/real-directory.ts';
import { packedRefsWithout } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import { KEPT_BY_DEVS } from '../objects/pack-writer.ts';
import { SNAPSHOT_REFS } from './snapshot-id.ts';

/** A process that writes a temporary file or holds a lock touches it far more often than this. */
const ABANDONED_AFTER_MS = 600_000;

/** The end of the temporary names of `replaceFile`. */
const TEMPORARY = /\.tmp\.[0-9a-f]{12}$/;

/**
 * Removes what killed processes of devs left in the git directory and nothing else would remove:
 * temporary files, and locks on snapshots' refs. A killed drop may also have left
 * `packed-refs.lock`, which would stop git itself; it is removed only if it holds what that drop
 * was writing. Only regular files go, and none that is reached through a link.
 */
export function sweepLeftovers(repo: Repository): void {
  removePackedRefsLock(repo);
  const objects = path.join(repo.commonDir, 'objects');
  finishPacks(path.join(objects, 'pack'));
  removeAbandoned(objects, /^tmp_obj_devs_/);
  removeAbandoned(path.join(objects, 'pack'), /^tmp_(?:pack|idx)_devs_/);
  removeAbandoned(path.join(objects, 'pack'), /^pack-[0-9a-f]{40}\.keep$/, isKeptByDevs);
  removeAbandoned(path.join(repo.commonDir, SNAPSHOT_REFS), /\.lock$/);
  for (const dir of [repo.gitDir, path.join(repo.gitDir, 'devs'), path.join(repo.commonDir, 'devs')])
    removeAbandoned(dir, TEMPORARY);
}

/** Of other programs, the file has other content. */
function isKeptByDevs(file: string): boolean {
  return readOptional(file)?.toString('latin1') === KEPT_BY_DEVS;
}

function removeAbandoned(asked: string, pattern: RegExp, isOurs: (file: string) => boolean = () => true): void {
  using dir = openIfReal(asked);
  for (const name of dir?.names() ?? []) {
    if (!pattern.test(name)) continue;
    dir!.at(name, (file) => {
      if (isAbandoned(file) && isOurs(file)) removeIfThere(file);
    });
  }
}

/**
 * Killed between the two renames, a writer leaves a pack without its index. The index is whole, and
 * names its pack.
 */
function finishPacks(asked: string): void {
  using dir = openIfReal(asked);
  for (const name of dir?.names() ?? []) if (name.startsWith('tmp_idx_devs_')) dir!.at(name, finishPack);
}

function finishPack(file: string): void {
  const bytes = isAbandoned(file) ? readOptional(file) : null;
  if (bytes === null) return;
  const checksum = bytes.toString('hex', Math.max(0, bytes.length - 40), bytes.length - 20);
  const base = path.join(path.dirname(file), `pack-${checksum}`);
  const isThere = (name: string) => fs.lstatSync(name, { throwIfNoEntry: false }) !== undefined;
  if (isThere(`${base}.pack`) && !isThere(`${base}.idx`)) fs.renameSync(file, `${base}.idx`);
}

function removePackedRefsLock(repo: Repository): void {
  if (!isAbandoned(path.join(repo.commonDir, 'packed-refs.lock'))) return;
  using dir = openIfReal(path.join(repo.commonDir, SNAPSHOT_REFS));
  for (const name of dir?.names() ?? []) {
    if (name.endsWith('.lock') && removeOwnPackedLock(repo, SNAPSHOT_REFS + name.slice(0, -'.lock'.length))) return;
  }
}

/** Removes `packed-refs.lock` if it holds what a drop of `ref` was writing. */
function removeOwnPackedLock(repo: Repository, ref: string): boolean {
  const packed = path.join(repo.commonDir, 'packed-refs');
  const [found, bytes] = [readOptional(`${packed}.lock`), readOptional(packed)];
  if (found === null || bytes === null) return false;
  return found.equals(packedRefsWithout(bytes, ref).subarray(0, found.length)) && removeRegular(`${packed}.lock`);
}

/**
 * Git writes a lock within this; no process is at work on one that is older and still has only the
 * beginning.
 */
const WRITTEN_WITHIN_MS = 2_000;

/**
 * Removes what a killed drop of `ref` left, at once: for callers who know that no other process is
 * dropping it. Its lock stays as long as that of the packed refs may be git's.
 */
export function removeDeadDrop(repo: Repository, ref: string): void {
  const lock = path.join(repo.commonDir, `${ref}.lock`);
  if (fs.lstatSync(lock, { throwIfNoEntry: false }) === undefined) return;
  const packedLock = path.join(repo.commonDir, 'packed-refs.lock');
  const isThere = fs.lstatSync(packedLock, { throwIfNoEntry: false }) !== undefined;
  if (isThere && !(isAbandoned(packedLock, WRITTEN_WITHIN_MS) && removeOwnPackedLock(repo, ref))) return;
  removeRegular(lock);
}

function isAbandoned(file: string, afterMs: number = ABANDONED_AFTER_MS): boolean {
  const stat = fs.lstatSync(file, { throwIfNoEntry: false });
  return stat?.isFile() === true && Date.now() - stat.mtimeMs > afterMs;
}

/**
 * Null also where `dir` is no directory, or one that another place is linked to: then nothing in it
 * is ours.
 */
function openIfReal(dir: string): RealDirectory | null {
  try {
    return RealDirectory.open(dir);
  } catch (error) {
    if (codeOf(error) === 'DEVS_NOT_A_DIRECTORY') return null;
    throw error;
  }
}
