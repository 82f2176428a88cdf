import { AtomicSnapshotError } from '../base/errors.ts';
import type { Repository } from '../git/repository.ts';
import { readCommit } from '../objects/commit.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { findInTree } from '../objects/trees.ts';
import { hasOwnSeal } from './commit-seal.ts';
import type { NamedSnapshot } from './find-snapshot.ts';
import { decodeManifest, type Manifest } from './manifest.ts';
import { readInfo, type SnapshotInfo } from './snapshot-info.ts';

export interface LoadedSnapshot extends SnapshotInfo {
  readonly workTree: string;
  readonly indexTree: string;
  readonly untrackedTree: string;
  readonly stateTree: string;
  /** Commits that git does not prune while the snapshot exists. */
  readonly protectedCommits: readonly string[];
  readonly manifest: Manifest;
}

/**
 * Reads what a snapshot consists of. The seal says that this repository's devs made it; what it
 * holds is checked all the same, where it is read: a genuine snapshot of a repository that another
 * program prepared may say anything.
 * @throws AtomicSnapshotError `DEVS_SNAPSHOT_FOREIGN`, `DEVS_SNAPSHOT_INVALID`,
 * `DEVS_OBJECT_MISSING`, `DEVS_OBJECT_DAMAGED`, `DEVS_SEAL_KEY_UNSAFE`
 */
export async function loadSnapshot(
  repo: Repository,
  store: ObjectStore,
  snapshot: NamedSnapshot,
): Promise<LoadedSnapshot> {
  const { ref, oid } = snapshot;
  if (!hasOwnSeal(repo.commonDir, store.read(oid, 'commit'))) throw foreign(snapshot);
  const commit = readCommit(store, oid);
  const [, index, untracked, state] = commit.parents;
  if (index === undefined || untracked === undefined || state === undefined)
    throw invalidSnapshot(ref, 'it does not have the four parents of one');
  const { tree: stateTree, parents: protectedCommits } = readCommit(store, state);
  return {
    ...readInfo(repo, store, snapshot),
    workTree: commit.tree,
    indexTree: readCommit(store, index).tree,
    untrackedTree: readCommit(store, untracked).tree,
    stateTree,
    protectedCommits,
    manifest: readManifest(store, ref, stateTree),
  };
}

function readManifest(store: ObjectStore, ref: string, stateTree: string): Manifest {
  const entry = findInTree(store, stateTree, 'manifest.json');
  if (entry === null) throw invalidSnapshot(ref, 'its manifest is missing');
  const decoded = decodeManifest(store.read(entry.oid, 'blob'));
  if ('problem' in decoded) throw invalidSnapshot(ref, `its manifest ${decoded.problem}`);
  return decoded.manifest;
}

/** For what a snapshot says and no repository can be made of. `ref` names the snapshot. */
export function invalidSnapshot(ref: string, why: string): AtomicSnapshotError {
  return new AtomicSnapshotError(
    'DEVS_SNAPSHOT_INVALID',
    `${ref} is no complete snapshot: ${why}; nothing was changed`,
    {
      hint: ['devs', 'doctor'],
      data: { ref },
    },
  );
}

function foreign({ ref, oid }: NamedSnapshot): AtomicSnapshotError {
  return new AtomicSnapshotError(
    'DEVS_SNAPSHOT_FOREIGN',
    `${ref} is foreign: its seal is missing or wrong, so this repository's devs did not make it, and devs neither compares nor restores it. Look at it with git; if you want what it holds, git stash apply --index ${oid} brings it into the work tree`,
    { hint: ['git', 'show', '--stat', oid], data: { ref, oid } },
  );
}
