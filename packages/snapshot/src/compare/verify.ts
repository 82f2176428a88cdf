import { toText } from '../base/byte-path.ts';
import { AtomicSnapshotError } from '../base/errors.ts';
import { findRepository, type Place } from '../git/repository.ts';
import { ObjectStore } from '../objects/object-store.ts';
import { DIRECTORY, GITLINK, readTree } from '../objects/trees.ts';
import { resolveSnapshot } from '../snapshot/find-snapshot.ts';
import { loadSnapshot } from '../snapshot/load-snapshot.ts';

export interface VerifyProblem {
  readonly oid: string;
  /**
   * Its place in the snapshot: `work/`, `index/`, `untracked/` or `state/` and a path, or `HEAD`.
   */
  readonly path: string;
  readonly problem: string;
}

export interface VerifyReport {
  readonly ref: string;
  /** The number of objects that were read. */
  readonly objects: number;
  /** Where this is empty, everything that a restore may need exists and reads back. */
  readonly problems: readonly VerifyProblem[];
}

/**
 * Reads every object that the snapshot holds. This takes time, because it reads all tracked files,
 * changed or not.
 */
export async function verifySnapshot(place: Place, name: string, seen: Set<string>): Promise<VerifyReport> {
  const repo = findRepository(place);
  using store = new ObjectStore(repo.commonDir);
  const snapshot = await loadSnapshot(repo, store, resolveSnapshot(repo, name));
  const { ref } = snapshot;
  const before = seen.size;
  const problems: VerifyProblem[] = [];
  const check = async (object: string, path: string, read: () => Promise<void>): Promise<void> => {
    if (seen.has(object)) return;
    seen.add(object);
    try {
      await read();
    } catch (error) {
      if (!(error instanceof AtomicSnapshotError)) throw error;
      problems.push({ oid: object, path: toText(path), problem: error.message });
    }
  };
  const checkTree = (tree: string, path: string): Promise<void> =>
    check(tree, path, async () => {
      for (const [entry, { mode, oid: child }] of readTree(store, tree)) {
        if (mode === DIRECTORY) await checkTree(child, `${path}${entry}/`);
        else if (mode !== GITLINK) {
          await check(child, path + entry, async () => {
            for await (const _ of store.readBlob(child));
          });
        }
      }
    });
  await checkTree(snapshot.workTree, 'work/');
  await checkTree(snapshot.indexTree, 'index/');
  await checkTree(snapshot.untrackedTree, 'untracked/');
  await checkTree(snapshot.stateTree, 'state/');
  const head = snapshot.manifest.head.oid;
  if (head !== null) {
    await check(head, 'HEAD', async () => {
      store.read(head, 'commit');
    });
  }
  return { ref, objects: seen.size - before, problems };
}
