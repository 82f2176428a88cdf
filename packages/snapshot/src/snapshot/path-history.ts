import type { BytePath } from '../base/byte-path.ts';
import type { Repository } from '../git/repository.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { findInTree } from '../objects/trees.ts';
import type { TreeIgnoreRules } from '../scan/ignore-rules.ts';
import { TrackedFiles } from '../scan/tracked-files.ts';
import type { LoadedSnapshot } from './load-snapshot.ts';
import { ignoreRulesOf, readStateIndex } from './state-files.ts';

/** What an earlier snapshot knows of paths. */
export interface PathHistory {
  /** The ignore rules as they were when the snapshot was taken. */
  readonly rules: TreeIgnoreRules;
  /**
   * Whether the snapshot says what is, or is not, at a path: it holds the path, or the path was
   * tracked (a deleted file, too).
   */
  readonly knows: (path: BytePath) => boolean;
  /**
   * What a later snapshot may leave out: the paths that were ignored then and that the snapshot
   * does not know. So a task can hide nothing by new rules.
   */
  readonly otherRules: Pick<TreeIgnoreRules, 'ignores'>;
}

export function pathHistoryOf(store: ObjectStore, snapshot: LoadedSnapshot, repo: Repository): PathHistory {
  const rules = ignoreRulesOf(store, snapshot, repo);
  let tracked: TrackedFiles | null = null;
  const knows = (path: BytePath) => {
    if (findInTree(store, snapshot.untrackedTree, path) !== null) return true;
    tracked ??= new TrackedFiles(readStateIndex(store, snapshot) ?? { entries: [] });
    return tracked.position(path) !== undefined || tracked.hasFilesIn(path);
  };
  return { rules, knows, otherRules: { ignores: (path, isDir) => rules.ignores(path, isDir) && !knows(path) } };
}
