import type { BytePath } from '../base/byte-path.ts';
import { AtomicSnapshotError } from '../base/errors.ts';
import { oidOf, type ParsedIndex, parseIndex } from '../git/index-file.ts';
import { listRefs } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import { readCommit } from '../objects/commit.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { DIRECTORY, diffTrees, findInTree, type PathChange, readTree, type TreeEntry } from '../objects/trees.ts';
import { type OutsideIgnores, TreeIgnoreRules } from '../scan/ignore-rules.ts';
import { decodeManifest, type Manifest } from './manifest.ts';
import { SNAPSHOT_REFS } from './snapshot-id.ts';
import type { SnapshotKind } from './snapshot-kind.ts';

export interface SnapshotInfo {
  readonly ref: string;
  /** The last part of the ref. */
  readonly id: string;
  readonly oid: string;
  readonly label: string;
  readonly kind: SnapshotKind;
  readonly runId: string | null;
  readonly takenAt: string;
  /** What git calls the linked work tree it is of; null for the main one. */
  readonly workTreeName: string | null;
  /** All `Devs-<key>` lines of its message, those of the fields above among them. */
  readonly trailers: Readonly<Record<string, string>>;
}

export interface LoadedSnapshot extends SnapshotInfo {
  readonly workTree: string;
  readonly indexTree: string;
  readonly untrackedTree: string;
  readonly stateTree: string;
  /** Commits that git does not prune while the snapshot exists. */
  readonly protectedCommits: readonly string[];
  readonly manifest: Manifest;
}

/** The full ref of a snapshot given as ref or id. @throws AtomicSnapshotError `DEVS_SNAPSHOT_NOT_FOUND` */
export function resolveSnapshot(repo: Repository, name: string): { ref: string; oid: string } {
  const ref = name.startsWith(SNAPSHOT_REFS) ? name : SNAPSHOT_REFS + name;
  const oid = listRefs(repo, SNAPSHOT_REFS).get(ref);
  if (oid !== undefined) return { ref, oid };
  throw new AtomicSnapshotError('DEVS_SNAPSHOT_NOT_FOUND', `there is no snapshot ${ref} in ${repo.root}`, {
    hint: 'devs log',
    data: { ref, path: repo.root },
  });
}

export function readInfo(store: ObjectStore, ref: string, oid: string): SnapshotInfo {
  const { message, time } = readCommit(store, oid);
  const trailers = Object.fromEntries(
    [...message.matchAll(/^Devs-(\w+): (.*)$/gm)].map(([, key, value]) => [key, value]),
  );
  return {
    ref,
    id: ref.slice(SNAPSHOT_REFS.length),
    oid,
    label: /^devs-snapshot-(.*)/.exec(message)?.[1] ?? '',
    kind: (trailers.Kind ?? 'manual') as SnapshotKind,
    runId: trailers.Run ?? null,
    takenAt: new Date(time * 1000).toISOString(),
    workTreeName: trailers.Worktree ?? null,
    trailers,
  };
}

/** As `readInfo`; a commit that cannot be read hides no other snapshot. */
export function readInfoIfWhole(store: ObjectStore, ref: string, oid: string): SnapshotInfo {
  try {
    return readInfo(store, ref, oid);
  } catch (error) {
    if (!(error instanceof AtomicSnapshotError)) throw error;
    const id = ref.slice(SNAPSHOT_REFS.length);
    const unknown = { label: '', runId: null, takenAt: new Date(0).toISOString(), workTreeName: null, trailers: {} };
    return { ref, id, oid, kind: 'unreadable', ...unknown };
  }
}

/** @throws AtomicSnapshotError `DEVS_SNAPSHOT_INVALID` where the commit is no complete snapshot. */
export async function loadSnapshot(store: ObjectStore, ref: string, oid: string): Promise<LoadedSnapshot> {
  const commit = readCommit(store, oid);
  const [, index, untracked, state] = commit.parents;
  if (index === undefined || untracked === undefined || state === undefined)
    throw invalid(ref, 'it has not the four parents of one');
  const { tree: stateTree, parents: protectedCommits } = readCommit(store, state);
  const entry = findInTree(store, stateTree, 'manifest.json');
  const manifest = entry === null ? null : decodeManifest(store.read(entry.oid, 'blob'));
  if (manifest === null) throw invalid(ref, 'its manifest is missing or of a newer version');
  const indexTree = readCommit(store, index).tree;
  const untrackedTree = readCommit(store, untracked).tree;
  return {
    ...readInfo(store, ref, oid),
    workTree: commit.tree,
    indexTree,
    untrackedTree,
    stateTree,
    protectedCommits,
    manifest,
  };
}

function invalid(ref: string, why: string): AtomicSnapshotError {
  return new AtomicSnapshotError('DEVS_SNAPSHOT_INVALID', `${ref} is no complete snapshot: ${why}`, {
    hint: `git stash apply --index ${ref}`,
    data: { ref },
  });
}

export function readStateFile(store: ObjectStore, snapshot: LoadedSnapshot, name: string): Buffer | null {
  const entry = findInTree(store, snapshot.stateTree, name);
  return entry === null ? null : store.read(entry.oid, 'blob');
}

export function readStateOperation(store: ObjectStore, snapshot: LoadedSnapshot): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const collect = (tree: string, dir: string) => {
    for (const [name, entry] of readTree(store, tree)) {
      if (entry.mode === DIRECTORY) collect(entry.oid, `${dir}${name}/`);
      else files.set(Buffer.from(dir + name, 'latin1').toString('utf8'), store.read(entry.oid, 'blob'));
    }
  };
  const top = readTree(store, snapshot.stateTree).get('operation');
  if (top !== undefined) collect(top.oid, '');
  return files;
}

/** The paths on which two snapshots differ, tracked and untracked together: a file may have moved from one to the other. */
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

/** The ignore rules as they were when the snapshot was taken. */
export function ignoreRulesOf(store: ObjectStore, snapshot: LoadedSnapshot, ignoreCase: boolean): TreeIgnoreRules {
  const outside: OutsideIgnores = {
    global: readStateFile(store, snapshot, 'ignore/global'),
    info: readStateFile(store, snapshot, 'ignore/info'),
  };
  return new TreeIgnoreRules(outside, ignoreCase, (dir) =>
    readStateFile(store, snapshot, `ignore/tree/${dir === '' ? '' : `${dir}/`}.gitignore`),
  );
}

/** The index as it was; null where there was none. */
export function readStateIndex(store: ObjectStore, snapshot: LoadedSnapshot): ParsedIndex | null {
  const bytes = readStateFile(store, snapshot, 'index');
  if (bytes === null) return null;
  return parseIndex(bytes, `${snapshot.ref}: index`, {
    file: (name) => readStateFile(store, snapshot, name),
    tree: (oid) => readTree(store, oid),
  });
}

/** Tracked files that were not on disk because of their skip-worktree bit, with what the index says of them. */
export function absentBySkipWorktree(store: ObjectStore, snapshot: LoadedSnapshot): Map<BytePath, TreeEntry> {
  const absent = new Map<BytePath, TreeEntry>();
  const { skipWorktreePresent } = snapshot.manifest;
  if (skipWorktreePresent === null) return absent;
  const parsed = readStateIndex(store, snapshot)!;
  for (const entry of parsed.entries) {
    if (entry.skipWorktree) absent.set(entry.path, { mode: entry.mode, oid: oidOf(parsed, entry) });
  }
  for (const path of skipWorktreePresent) absent.delete(path);
  return absent;
}
