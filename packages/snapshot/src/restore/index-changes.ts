import { oidOf } from '../git/index-file.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { findInTree } from '../objects/trees.ts';
import type { LoadedSnapshot } from '../snapshot/load-snapshot.ts';
import { readStateIndex } from '../snapshot/state-files.ts';

/**
 * Whether the index of two snapshots says the same: paths, stages, modes, blobs and the bits that a
 * user sets (assume-unchanged, skip-worktree, intent-to-add). The stat data of entries does not
 * count: `git status` refreshes them.
 */
export function isSameIndex(store: ObjectStore, a: LoadedSnapshot, b: LoadedSnapshot): boolean {
  const raw = (snapshot: LoadedSnapshot) => findInTree(store, snapshot.stateTree, 'index')?.oid ?? null;
  if (raw(a) === raw(b)) return true;
  return a.indexTree === b.indexTree && meaningOf(store, a) === meaningOf(store, b);
}

function meaningOf(store: ObjectStore, snapshot: LoadedSnapshot): string {
  const index = readStateIndex(store, snapshot);
  if (index === null) return '';
  return index.entries
    .map((entry) => {
      const assumeUnchanged = index.table[entry.offset + 60]! & 0x80;
      const bits = [entry.stage, entry.skipWorktree, entry.intentToAdd, assumeUnchanged];
      return `${entry.path}\0${entry.mode} ${oidOf(index, entry)} ${bits.join(' ')}\n`;
    })
    .join('');
}
