import fs from 'node:fs';
import process from 'node:process';
import { type BytePath, onDisk, parentOf } from '../base/byte-path.ts';
import { codeOf } from '../base/errors.ts';
import { isEmptyGitDirectory } from '../git/nested-repository.ts';
import type { LoadedSnapshot } from '../snapshot/load-snapshot.ts';
import type { PlannedChange, PlanOptions, RestorePlan } from './restore-plan.ts';

const SPECIAL: ReadonlySet<string> = new Set(['fifo', 'socket', 'device']);

type Skipped = LoadedSnapshot['manifest']['skipped'];

/**
 * What the run made and no snapshot can hold: fifos, sockets, devices, and what is called `.git`.
 * Where it was not there then, it goes: what holds no bytes is removed, all else is moved into the
 * git directory. What the run did not make stays unless it is in the way or the restore is forced.
 */
export function planUncaptured(
  now: LoadedSnapshot,
  then: LoadedSnapshot,
  writes: readonly PlannedChange[],
  options: PlanOptions,
): Pick<RestorePlan, 'specials' | 'setAside'> {
  const { after, isForced, history, includes } = options;
  const wanted = wantedPaths(writes);
  const made = after === null ? null : namesOf(after.manifest.skipped);
  const known = namesOf(then.manifest.skipped);
  const specials: BytePath[] = [];
  const setAside: BytePath[] = [];
  for (const { path, reason } of now.manifest.skipped) {
    const place = reason === 'nested repository' ? `${path}/.git` : path;
    if (!includes(place) || known.has(path) || history.isClosed(parentOf(place))) continue;
    const isMade = isForced || made === null || made.has(path);
    if (SPECIAL.has(reason) && (isMade || wanted.has(path))) specials.push(path);
    // It lies in a directory of the user's, and another user keeps it unreadable.
    const isObstacle = reason === 'unreadable' && isForced && wanted.has(path);
    const isNew = reason === 'unsafe name' && !known.has(parentOf(path));
    const isInside = reason === 'nested repository' && history.otherRules.sawInside(path) && mayGo(path, options);
    if ((((isNew || isInside) && isMade) || isObstacle) && mayBeMoved(place, options)) setAside.push(place);
  }
  return { specials, setAside };
}

/** A repository with anything in it goes only where the user insists. */
function mayGo(dir: BytePath, { repo, isForced }: PlanOptions): boolean {
  const dotGit = String(onDisk(repo.root, `${dir}/.git`));
  const stat = fs.lstatSync(dotGit, { throwIfNoEntry: false });
  return stat !== undefined && (isForced || (stat.isDirectory() && isEmptyGitDirectory(dotGit)));
}

/** A rename leads to no other file system. */
function mayBeMoved(place: BytePath, { repo }: PlanOptions): boolean {
  try {
    const stat = fs.lstatSync(onDisk(repo.root, place), { throwIfNoEntry: false });
    // Only its owner may move a directory to another one.
    const isOwn = stat?.isDirectory() !== true || stat.uid === process.geteuid?.() || process.geteuid?.() === 0;
    return isOwn && stat?.dev === fs.statSync(repo.gitDir).dev;
  } catch (error) {
    if (codeOf(error) !== 'EACCES' && codeOf(error) !== 'ENAMETOOLONG') throw error;
    return false;
  }
}

function namesOf(skipped: Skipped): ReadonlySet<BytePath> {
  return new Set(skipped.map(({ path }) => path));
}

/** The files that will be written, and the directories that they need. */
function wantedPaths(writes: readonly PlannedChange[]): ReadonlySet<BytePath> {
  const wanted = new Set<BytePath>();
  for (const { path } of writes) {
    for (let at = path; at !== '' && !wanted.has(at); at = parentOf(at)) wanted.add(at);
  }
  return wanted;
}
