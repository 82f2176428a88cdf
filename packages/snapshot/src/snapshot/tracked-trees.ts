import { type BytePath, parentOf } from '../base/byte-path.ts';
import { type GitIndex, oidOf } from '../git/index-file.ts';
import type { ObjectWriter } from '../objects/object-writer.ts';
import { REGULAR, type TreeEntry, type TreeItem, writeTreeOf, writeTrees } from '../objects/trees.ts';
import type { TrackedFiles } from '../scan/tracked-files.ts';

/**
 * Writes the trees of the index and of the tracked files on disk. Directories that the index's
 * cache tree knows, and in which nothing changed, cost nothing: their trees exist.
 */
export function writeTrackedTrees(
  writer: ObjectWriter,
  index: GitIndex,
  tracked: TrackedFiles,
  changes: ReadonlyMap<BytePath, TreeEntry | null>,
): { indexTree: string; workTree: string } {
  const paths = tracked.entries.map((entry) => entry.path);
  const indexTrees = new Map<BytePath, string | null>();
  const indexed = (position: number): TreeEntry => {
    const entry = tracked.entries[position]!;
    return { mode: entry.mode, oid: oidOf(index, entry) };
  };
  const indexTree = writeTrees(writer, {
    paths,
    cacheTree: index.cacheTree,
    known: (_dir, cache) => cache?.oid ?? null,
    // An unmerged path has no single content, one added with --intent-to-add has none yet.
    entry: (position) => {
      const { stage, intentToAdd } = tracked.entries[position]!;
      return stage !== 0 || intentToAdd ? null : indexed(position);
    },
    onTree: (dir, oid) => indexTrees.set(dir, oid),
  });
  const changed = directoriesOf(changes.keys());
  const workTree = writeTrees(writer, {
    paths,
    cacheTree: index.cacheTree,
    known: (dir, cache) => {
      if (changed.has(dir)) return null;
      return cache?.oid ?? indexTrees.get(dir) ?? null;
    },
    entry: (position) => {
      const change = changes.get(paths[position]!);
      return change === undefined ? indexed(position) : change;
    },
  });
  return { indexTree, workTree };
}

function directoriesOf(paths: Iterable<BytePath>): Set<BytePath> {
  const directories = new Set<BytePath>();
  for (const path of paths) {
    for (let dir = parentOf(path); !directories.has(dir); dir = parentOf(dir)) directories.add(dir);
  }
  return directories;
}

/**
 * Blobs that the raw index needs and no other tree of the snapshot holds, as one tree, so that no
 * gc takes them: those of conflict stages, of resolved conflicts, and the empty one that stands for
 * a file added with --intent-to-add. Null where there are none.
 */
export function writeIndexOnlyBlobs(writer: ObjectWriter, index: GitIndex, tracked: TrackedFiles): string | null {
  const items: TreeItem[] = tracked.unmerged.map((entry) => ({
    path: `unmerged/${entry.stage}/${entry.path}`,
    mode: entry.mode,
    oid: oidOf(index, entry),
  }));
  for (const oid of new Set(index.resolveUndo)) items.push({ path: `resolve-undo/${oid}`, mode: REGULAR, oid });
  if (tracked.entries.some((entry) => entry.intentToAdd)) {
    items.push({ path: 'intent-to-add', mode: REGULAR, oid: writer.add('blob', Buffer.alloc(0)) });
  }
  return items.length === 0 ? null : writeTreeOf(writer, items);
}
