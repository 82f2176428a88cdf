import { byteOrder, fromText, toText } from '../base/byte-path.ts';
import { findRepository, type Place } from '../git/repository.ts';
import { ObjectStore } from '../objects/object-store.ts';
import { GITLINK, type PathChange, type TreeEntry } from '../objects/trees.ts';
import { diffFiles } from '../snapshot/diff-files.ts';
import { resolveSnapshot } from '../snapshot/find-snapshot.ts';
import { type LoadedSnapshot, loadSnapshot } from '../snapshot/load-snapshot.ts';
import { takeAnonymous } from '../snapshot/take.ts';
import { diffText } from './text-diff.ts';

export interface DiffEntry {
  readonly path: string;
  readonly status: 'added' | 'deleted' | 'modified' | 'mode changed' | 'type changed';
  /**
   * Lines; null where either side is no text or too large. Only where `lines` or `patch` was asked
   * for.
   */
  readonly added?: number | null;
  readonly deleted?: number | null;
  /** In git's format, exact bytes. Only where `patch` was asked for. */
  readonly patch?: Buffer;
}

export interface DiffOptions {
  /** Only these files and directories, relative to the top of the work tree. */
  readonly paths?: readonly string[];
  /** Counts lines. */
  readonly lines?: boolean;
  readonly patch?: boolean;
}

/**
 * The files, tracked or not, that differ between two snapshots, or a snapshot and the work tree as
 * it is, in path order.
 */
export async function diffSnapshots(
  place: Place,
  from: string,
  to: string | undefined,
  options: DiffOptions,
): Promise<readonly DiffEntry[]> {
  const repo = findRepository(place);
  using store = new ObjectStore(repo.commonDir);
  const load = (name: string) => loadSnapshot(repo, store, resolveSnapshot(repo, name));
  const before = await load(from);
  if (to !== undefined) return await compare(store, before, await load(to), options);
  // The work tree is compared as a snapshot too: one way to see it, and the same files left out.
  const now = await takeAnonymous(repo, before.label, { since: from });
  return await compare(store, before, await loadSnapshot(repo, store, now), options);
}

async function compare(
  store: ObjectStore,
  before: LoadedSnapshot,
  after: LoadedSnapshot,
  { paths, lines = false, patch = false }: DiffOptions,
): Promise<DiffEntry[]> {
  const wanted = paths?.map((path) => fromText(path.replace(/^\.\/|\/+$/g, '')));
  const entries: DiffEntry[] = [];
  for (const change of [...diffFiles(store, before, after).values()].sort((a, b) => byteOrder(a.path, b.path))) {
    const status = statusOf(change.before, change.after);
    if (status === null || wanted?.some((path) => covers(path, change.path)) === false) continue;
    const text = (lines || patch) && !isSubmodule(change) ? await diffText(store, change) : null;
    entries.push({
      path: toText(change.path),
      status,
      ...(text === null ? {} : { added: text.added, deleted: text.deleted }),
      ...(text === null || !patch ? {} : { patch: text.patch }),
    });
  }
  return entries;
}

/** Whether `path` is `wanted` or lies below it. */
export function covers(wanted: string, path: string): boolean {
  return wanted === '' || wanted === '.' || path === wanted || path.startsWith(`${wanted}/`);
}

function isSubmodule({ before, after }: PathChange): boolean {
  return before?.mode === GITLINK || after?.mode === GITLINK;
}

function statusOf(a: TreeEntry | null, b: TreeEntry | null): DiffEntry['status'] | null {
  if (a === null) return b === null ? null : 'added';
  if (b === null) return 'deleted';
  if (a.mode >> 12 !== b.mode >> 12) return 'type changed';
  if (a.oid !== b.oid) return 'modified';
  return a.mode === b.mode ? null : 'mode changed';
}
