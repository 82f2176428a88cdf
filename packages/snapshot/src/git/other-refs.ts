import fs from 'node:fs';
import path from 'node:path';
import { readOptional } from '../base/durable.ts';
import { codeOf } from '../base/errors.ts';
import { isRefName } from './ref-name.ts';
import { packedRefs, refOrNothing } from './refs.ts';
import type { Repository } from './repository.ts';

/**
 * Branches, tags and stash entries: what a task may move or delete and a restore does not move
 * back. Stash entries are named `stash@{n}`.
 */
export type OtherRefs = ReadonlyMap<string, string>;

const TOPS = ['refs/heads/', 'refs/tags/'];

export function readOtherRefs(repo: Repository): OtherRefs {
  const refs = new Map<string, string>();
  for (const [name, oid] of packedRefs(repo)) {
    if (TOPS.some((top) => name.startsWith(top)) && isRefName(name)) refs.set(name, oid);
  }
  for (const top of TOPS) addLoose(repo, top, refs);
  for (const [n, oid] of stashEntries(repo).entries()) refs.set(`stash@{${n}}`, oid);
  return new Map([...refs].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function addLoose(repo: Repository, dir: string, refs: Map<string, string>): void {
  let entries: fs.Dirent[];
  try {
    entries = fs.readdirSync(path.join(repo.commonDir, dir), { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return;
    throw error;
  }
  for (const entry of entries) {
    if (entry.isDirectory()) addLoose(repo, `${dir}${entry.name}/`, refs);
    else if (entry.isFile() && isRefName(dir + entry.name)) {
      // Git ignores a broken ref, too, with a warning of its own.
      const oid = refOrNothing(repo, dir + entry.name);
      if (oid !== null) refs.set(dir + entry.name, oid);
    }
  }
}

/** Newest first, as `git stash list`: all but the newest exist in the ref's log only. */
function stashEntries(repo: Repository): string[] {
  const log = readOptional(path.join(repo.commonDir, 'logs/refs/stash'))?.toString('latin1') ?? '';
  return [...log.matchAll(/^[0-9a-f]{40} ([0-9a-f]{40}) /gm)].map(([, oid]) => oid!).reverse();
}

export function encodeOtherRefs(refs: OtherRefs): Buffer {
  return Buffer.from([...refs].map(([name, oid]) => `${oid} ${name}\n`).join(''));
}

export function decodeOtherRefs(bytes: Buffer): OtherRefs {
  const lines = bytes.toString('utf8').split('\n').slice(0, -1);
  return new Map(lines.map((line) => [line.slice(41), line.slice(0, 40)]));
}

export interface MovedRef {
  /** Full name of a branch or tag; `stash@{n}` as it was called then. */
  readonly ref: string;
  /** Null: did not exist. */
  readonly before: string | null;
  /** Null: does not exist any more. */
  readonly now: string | null;
}

/**
 * What is not as it was. New stash entries push the others along, so these are known by their
 * commits.
 */
export function movedRefs(before: OtherRefs, now: OtherRefs, except: ReadonlySet<string>): MovedRef[] {
  const stashed = new Set([...now].filter(([name]) => isStash(name)).map(([, oid]) => oid));
  const moved: MovedRef[] = [];
  for (const ref of new Set([...before.keys(), ...now.keys()])) {
    if (except.has(ref)) continue;
    const [a, b] = [before.get(ref) ?? null, now.get(ref) ?? null];
    if (!isStash(ref)) {
      if (a !== b) moved.push({ ref, before: a, now: b });
    } else if (a !== null && !stashed.has(a)) moved.push({ ref, before: a, now: null });
  }
  return moved;
}

function isStash(name: string): boolean {
  return name.startsWith('stash@');
}
