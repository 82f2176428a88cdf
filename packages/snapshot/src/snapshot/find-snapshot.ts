import fs from 'node:fs';
import path from 'node:path';
import { AtomicSnapshotError } from '../base/errors.ts';
import { isRefName } from '../git/ref-name.ts';
import { packedRefs, readRef } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import { SNAPSHOT_REFS } from './snapshot-id.ts';

/**
 * A snapshot by its ref and its commit. Where no ref names the commit, the commit stands for it.
 */
export interface NamedSnapshot {
  readonly ref: string;
  readonly oid: string;
}

const OID = /^[0-9a-f]{40}$/;

/**
 * The snapshot that a ref, an id or a commit names. A commit needs no ref: a caller that remembers
 * it loses nothing to a ref that was rewritten or deleted, as long as git keeps the object.
 * @throws AtomicSnapshotError `DEVS_SNAPSHOT_NOT_FOUND`, `DEVS_REF_INVALID`
 */
export function resolveSnapshot(repo: Repository, name: string): NamedSnapshot {
  if (OID.test(name)) return { ref: refOf(repo, name) ?? name, oid: name };
  const ref = name.startsWith(SNAPSHOT_REFS) ? name : SNAPSHOT_REFS + name;
  const oid = isSnapshotRef(ref) ? readRef(repo, ref) : null;
  if (oid !== null) return { ref, oid };
  throw snapshotNotFound(repo, ref);
}

export function snapshotNotFound(repo: Repository, ref: string): AtomicSnapshotError {
  return new AtomicSnapshotError('DEVS_SNAPSHOT_NOT_FOUND', `there is no snapshot ${ref} in ${repo.root}`, {
    hint: ['devs', 'log'],
    data: { ref, path: repo.root },
  });
}

function refOf(repo: Repository, oid: string): string | null {
  for (const [ref, at] of listSnapshotRefs(repo)) if (at === oid) return ref;
  return null;
}

/**
 * All refs under `refs/devs/snapshots/` with their commits; null where a ref is broken, which hides
 * no other.
 */
export function listSnapshotRefs(repo: Repository): Map<string, string | null> {
  const refs = new Map<string, string | null>();
  for (const [ref, oid] of packedRefs(repo)) {
    if (isSnapshotRef(ref)) refs.set(ref, oid);
  }
  const dir = path.join(repo.commonDir, SNAPSHOT_REFS);
  if (!fs.existsSync(dir)) return refs;
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    const ref = SNAPSHOT_REFS + entry.name;
    if (entry.isFile() && isSnapshotRef(ref)) refs.set(ref, readRefIfSound(repo, ref));
  }
  return refs;
}

/** Ids are flat: none has a slash. */
function isSnapshotRef(ref: string): boolean {
  return ref.startsWith(SNAPSHOT_REFS) && !ref.includes('/', SNAPSHOT_REFS.length) && isRefName(ref);
}

function readRefIfSound(repo: Repository, ref: string): string | null {
  try {
    return readRef(repo, ref);
  } catch (error) {
    if (error instanceof AtomicSnapshotError && error.code === 'DEVS_REF_INVALID') return null;
    throw error;
  }
}
