import { type BytePath, byteOrder, toText } from './byte-path.ts';
import { findRepository } from './git/repository.ts';
import { type LoadedSnapshot, loadSnapshot, resolveSnapshot } from './load-snapshot.ts';
import { ObjectStore } from './objects/object-store.ts';
import { diffTrees, type TreeEntry } from './objects/trees.ts';

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
  const changes = new Map<BytePath, [before: TreeEntry | null, after: TreeEntry | null]>();
  for (const kind of ['workTree', 'untrackedTree'] as const) {
    for (const change of diffTrees(store, before[kind], after[kind])) {
      const known = changes.get(change.path);
      changes.set(change.path, [change.before ?? known?.[0] ?? null, change.after ?? known?.[1] ?? null]);
    }
  }
  return [...changes]
    .sort(([a], [b]) => byteOrder(a, b))
    .flatMap(([path, [a, b]]) => {
      const status = statusOf(a, b);
      return status === null ? [] : [{ path: toText(path), status }];
    });
}

function statusOf(a: TreeEntry | null, b: TreeEntry | null): DiffEntry['status'] | null {
  if (a === null) return b === null ? null : 'added';
  if (b === null) return 'deleted';
  if (a.mode >> 12 !== b.mode >> 12) return 'type changed';
  if (a.oid !== b.oid) return 'modified';
  return a.mode === b.mode ? null : 'mode changed';
}
