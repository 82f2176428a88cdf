import path from 'node:path';
import { type BytePath, parentOf } from '../base/byte-path.ts';
import { readOptional } from '../base/durable.ts';
import { nameProblem, pathProblem } from '../base/path-rules.ts';
import { RealDirectory } from '../base/real-directory.ts';
import type { Repository } from '../git/repository.ts';

/** Something in the directory of a safety snapshot, and where it lay in the work tree. */
export interface Aside {
  readonly number: number;
  readonly place: BytePath;
}

/**
 * Where a restore with the safety snapshot `oid` moves what no snapshot can hold. Each thing has a
 * number, and a file beside it names its place, so that an undo puts it back. devs deletes none.
 */
export function asideDir({ gitDir }: Repository, oid: string): string {
  return path.join(gitDir, 'devs', 'aside', oid.slice(0, 16));
}

export function placeFile(number: number): string {
  return `${number}.place`;
}

/** The first number that is free: a restore that was interrupted may have used some. */
export function firstFreeNumber(repo: Repository, oid: string): number {
  using dir = RealDirectory.open(asideDir(repo, oid));
  return Math.max(-1, ...(dir?.names() ?? []).map((name) => Number.parseInt(name, 10)).filter(Number.isFinite)) + 1;
}

/** What was moved aside when the snapshot `oid` was the safety snapshot, and is there still. */
export function readAsides(repo: Repository, oid: string): Aside[] {
  using dir = RealDirectory.open(asideDir(repo, oid));
  if (dir === null) return [];
  const names = new Set(dir.names());
  return [...names].flatMap((name): Aside[] => {
    const number = /^(0|[1-9]\d{0,8})\.place$/.exec(name)?.[1];
    if (number === undefined || !names.has(number)) return [];
    const place = dir.at(name, (file) => readOptional(file))?.toString('latin1') ?? '';
    return isPlace(place) ? [{ number: Number(number), place }] : [];
  });
}

/** In the work tree, and not git's own directory at its top, whatever wrote the file. */
function isPlace(place: BytePath): boolean {
  const dir = parentOf(place);
  const name = dir === '' ? place : place.slice(dir.length + 1);
  if (name === '' || name === '.' || name === '..' || name.includes('\0')) return false;
  return dir === '' ? nameProblem(name) === null : pathProblem(dir) === null;
}
