import { fromText } from '../base/byte-path.ts';
import { readIndex } from '../git/index-file.ts';
import { readHead } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import { readCommit } from '../objects/commit.ts';
import { ObjectStore } from '../objects/object-store.ts';
import { findInTree, readTree } from '../objects/trees.ts';

/**
 * Whether the index or the commit that HEAD names has a file at `text`, a path from the top of the
 * work tree.
 */
export function isTracked(repo: Repository, text: string): boolean {
  const path = fromText(text);
  using store = new ObjectStore(repo.commonDir);
  const { entries } = readIndex(repo.gitDir, (oid) => readTree(store, oid));
  if (entries.some((entry) => entry.path === path)) return true;
  const { oid } = readHead(repo);
  return oid !== null && findInTree(store, readCommit(store, oid).tree, path) !== null;
}
