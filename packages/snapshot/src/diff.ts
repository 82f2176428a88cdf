import { byteOrder, toText } from './byte-path.ts';
import { findRepository } from './git/repository.ts';
import { diffFiles, type LoadedSnapshot, loadSnapshot, resolveSnapshot } from './load-snapshot.ts';
import { ObjectStore } from './objects/object-store.ts';
import type { TreeEntry } from './objects/trees.ts';

export interface DiffEntry {
  readonly path: string;
  readonly status: 'added' | 'deleted' | 'modified' | 'mode changed' | 'type changed';
}

/** The files, tracked or not, that differ between two snapshots, in path order. */
export async function diffSnapshots(cwd: string, from: string, to: string): Promise<readonly DiffEntry[]> {
  const repo = findRepository(cwd);
  using store = new ObjectStore(repo.commonDir);
  const load = async (name: string): Promise<LoadedSnapshot> => {
    const { ref, oid } = resolveSnapshot(repo, name);
    return loadSnapshot(store, ref, oid);
  };
  const [before, after] = [await load(from), await load(to)];
  return [...diffFiles(store, before, after).values()]
    .sort((a, b) => byteOrder(a.path, b.path))
    .flatMap((change) => {
      const status = statusOf(change.before, change.after);
      return status === null ? [] : [{ path: toText(change.path), status }];
    });
}

function statusOf(a: TreeEntry | null, b: TreeEntry | null): DiffEntry['status'] | null {
  if (a === null) return b === null ? null : 'added';
  if (b === null) return 'deleted';
  if (a.mode >> 12 !== b.mode >> 12) return 'type changed';
  if (a.oid !== b.oid) return 'modified';
  return a.mode === b.mode ? null : 'mode changed';
}
