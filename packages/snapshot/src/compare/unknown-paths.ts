import fs from 'node:fs';
import { type BytePath, fromText, onDisk } from '../base/byte-path.ts';
import { findRepository, type Place } from '../git/repository.ts';
import { ObjectStore } from '../objects/object-store.ts';
import { findInTree } from '../objects/trees.ts';
import { resolveSnapshot } from '../snapshot/find-snapshot.ts';
import { type LoadedSnapshot, loadSnapshot } from '../snapshot/load-snapshot.ts';

/**
 * Those of the paths, relative to the top of the work tree, that are neither in a snapshot nor on
 * disk.
 */
export async function unknownPaths(
  place: Place,
  snapshots: readonly string[],
  paths: readonly string[],
): Promise<string[]> {
  if (paths.length === 0) return [];
  const repo = findRepository(place);
  using store = new ObjectStore(repo.commonDir);
  const loaded: LoadedSnapshot[] = [];
  for (const name of snapshots) loaded.push(await loadSnapshot(repo, store, resolveSnapshot(repo, name)));
  return paths.filter((text) => {
    const path = fromText(text);
    if (path === '.' || isOnDisk(repo.root, path)) return false;
    return !loaded.some((snapshot) => holds(store, snapshot, path));
  });
}

function holds(store: ObjectStore, snapshot: LoadedSnapshot, path: BytePath): boolean {
  const trees = [snapshot.workTree, snapshot.untrackedTree, snapshot.indexTree];
  if (trees.some((tree) => findInTree(store, tree, path) !== null)) return true;
  return snapshot.manifest.emptyDirectories.some((empty) => empty === path || empty.startsWith(`${path}/`));
}

/** A path below what is no directory is not there; what cannot be looked at is. */
function isOnDisk(root: string, path: BytePath): boolean {
  try {
    return fs.lstatSync(onDisk(root, path), { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR' || code === 'ENAMETOOLONG' || code === 'ELOOP') return false;
    if (code === 'EACCES') return true;
    throw error;
  }
}
