import { findRepository, type Place } from '../git/repository.ts';
import { readCommit } from '../objects/commit.ts';
import { EMPTY_TREE } from '../objects/object-id.ts';
import { ObjectStore } from '../objects/object-store.ts';
import { diffTrees, GITLINK } from '../objects/trees.ts';
import { type LoadedSnapshot, loadSnapshot, resolveSnapshot } from '../snapshot/load-snapshot.ts';

/**
 * How many bytes of content (not compressed) only the snapshots `refs` hold: neither their own HEAD commits nor any of
 * `others`. It is what git can free once they are dropped, unless a commit made since holds it too.
 */
export async function ownBytes(place: Place, refs: readonly string[], others: readonly string[]): Promise<number> {
  const repo = findRepository(place);
  using store = new ObjectStore(repo.commonDir);
  const blobsOf = async (names: readonly string[]): Promise<Set<string>> => {
    const blobs = new Set<string>();
    for (const name of names) {
      const { ref, oid } = resolveSnapshot(repo, name);
      for (const blob of await blobsOfOne(store, await loadSnapshot(store, ref, oid))) blobs.add(blob);
    }
    return blobs;
  };
  const kept = await blobsOf(others);
  let bytes = 0;
  for (const oid of await blobsOf(refs)) {
    if (!kept.has(oid)) bytes += store.findLarge(oid)?.size ?? store.find(oid)?.body.length ?? 0;
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
