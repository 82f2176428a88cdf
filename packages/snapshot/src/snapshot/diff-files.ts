import type { BytePath } from '../base/byte-path.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { diffTrees, type PathChange } from '../objects/trees.ts';
import type { LoadedSnapshot } from './load-snapshot.ts';

/**
 * The paths on which two snapshots differ. Tracked and untracked files count together, because a
 * file may have moved from one to the other.
 */
export function diffFiles(
  store: ObjectStore,
  before: LoadedSnapshot,
  after: LoadedSnapshot,
): Map<BytePath, PathChange> {
  const changes = new Map<BytePath, PathChange>();
  for (const tree of ['workTree', 'untrackedTree'] as const) {
    for (const change of diffTrees(store, before[tree], after[tree])) {
      const known = changes.get(change.path);
      changes.set(change.path, {
        path: change.path,
        before: change.before ?? known?.before ?? null,
        after: change.after ?? known?.after ?? null,
      });
    }
  }
  return changes;
}
