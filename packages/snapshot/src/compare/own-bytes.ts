import { AtomicSnapshotError } from '../base/errors.ts';
import { findRepository, type Place } from '../git/repository.ts';
import { readCommit } from '../objects/commit.ts';
import { EMPTY_TREE } from '../objects/object-id.ts';
import { ObjectStore } from '../objects/object-store.ts';
import { diffTrees, GITLINK } from '../objects/trees.ts';
import { resolveSnapshot } from '../snapshot/find-snapshot.ts';
import { type LoadedSnapshot, loadSnapshot } from '../snapshot/load-snapshot.ts';

const UNCOUNTED: ReadonlySet<string> = new Set([
  'DEVS_SNAPSHOT_FOREIGN',
  'DEVS_SNAPSHOT_INVALID',
  'DEVS_OBJECT_MISSING',
  'DEVS_OBJECT_DAMAGED',
  'DEVS_REF_INVALID',
]);

/**
 * How many bytes of content (not compressed) only the snapshots `refs` hold: neither their own HEAD
 * commits nor any of `otherRefs`. It is what git can free once they are dropped, unless a commit
 * made since holds it too.
 */
export async function ownBytes(place: Place, refs: readonly string[], otherRefs: readonly string[]): Promise<number> {
  const repo = findRepository(place);
  using store = new ObjectStore(repo.commonDir);
  const blobsOfName = async (name: string): Promise<readonly string[]> => {
    try {
      return await blobsOfOne(store, await loadSnapshot(repo, store, resolveSnapshot(repo, name)));
    } catch (error) {
      // What a foreign or damaged snapshot holds cannot be told; it must not hide what the others
      // hold.
      if (error instanceof AtomicSnapshotError && UNCOUNTED.has(error.code)) return [];
      throw error;
    }
  };
  const blobsOf = async (names: readonly string[]): Promise<Set<string>> => {
    const blobs = new Set<string>();
    for (const name of names) {
      for (const blob of await blobsOfName(name)) blobs.add(blob);
    }
    return blobs;
  };
  const others = await blobsOf(otherRefs);
  let bytes = 0;
  for (const oid of await blobsOf(refs)) {
    if (!others.has(oid)) bytes += store.findLarge(oid)?.size ?? store.find(oid)?.body.length ?? 0;
  }
  return bytes;
}

async function blobsOfOne(store: ObjectStore, snapshot: LoadedSnapshot): Promise<string[]> {
  const head = snapshot.manifest.head.oid;
  const headTree = head === null ? EMPTY_TREE : readCommit(store, head).tree;
  const { workTree, indexTree, untrackedTree, stateTree } = snapshot;
  const pairs = [
    [headTree, workTree],
    [headTree, indexTree],
    [EMPTY_TREE, untrackedTree],
    [EMPTY_TREE, stateTree],
  ] as const;
  return pairs.flatMap(([from, to]) =>
    [...diffTrees(store, from, to)].flatMap(({ after }) =>
      after === null || after.mode === GITLINK ? [] : [after.oid],
    ),
  );
}
