import { type BytePath, byteOrder, fromText, parentOf } from '../base/byte-path.ts';
import { EMPTY_TREE } from '../objects/object-id.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { diffTrees, findInTree, GITLINK, SYMLINK } from '../objects/trees.ts';
import { recordedPermissions, restoredPermissions, TOP } from '../scan/permissions.ts';
import { diffFiles } from '../snapshot/diff-files.ts';
import type { LoadedSnapshot } from '../snapshot/load-snapshot.ts';
import { absentBySkipWorktree } from '../snapshot/state-files.ts';
import { readAsides } from './aside-directory.ts';
import type { PlannedChange, PlanOptions, RestorePlan } from './restore-plan.ts';
import { planUncaptured } from './uncaptured.ts';

/**
 * What has to change for the work tree, which is as in `now`, to be as in `then`. Reads only what
 * differs.
 */
export function planRestore(
  store: ObjectStore,
  now: LoadedSnapshot,
  then: LoadedSnapshot,
  options: PlanOptions,
): RestorePlan {
  const changes = changedPaths(store, now, then);
  const { rules, knows, lookedAt, isClosed } = options.history;
  const lacked = new Set((then.manifest.lacks ?? []).map(({ what }) => fromText(what)));
  const deletions: PlannedChange[] = [];
  const writes: PlannedChange[] = [];
  const spared: BytePath[] = [];
  for (const change of [...changes.values()].sort((a, b) => byteOrder(a.path, b.path))) {
    const { path, from, to } = change;
    if (!options.includes(path) || (from?.oid === to?.oid && from?.mode === to?.mode)) continue;
    // A submodule's directory holds files of its own, or none: it is neither written nor deleted.
    const present = from?.mode === GITLINK ? null : from;
    if (to !== null && to.mode !== GITLINK) writes.push({ path, from: present, to });
    else if (present === null) continue;
    else if ((rules.ignores(path, false) && !knows(path)) || isClosed(parentOf(path)) || lacked.has(path))
      spared.push(path);
    else deletions.push({ path, from: present, to: null });
  }
  const { specials, setAside } = planUncaptured(now, then, writes, options);
  const bringBack = readAsides(options.repo, then.oid).filter(({ place }) => options.includes(place));
  const neededBy = parentsOf(bringBack.map(({ place }) => place));
  const emptyNow = new Set(now.manifest.emptyDirectories);
  const emptyThen = new Set(then.manifest.emptyDirectories);
  return {
    deletions,
    writes,
    spared,
    specials,
    setAside,
    bringBack,
    permissions: [
      ...changedPermissions(store, now, then, new Set([...deletions, ...writes].map(({ path }) => path))),
      ...changedTop(now, then),
    ].filter(({ path }) => options.includes(path)),
    createDirectories: [...emptyThen].filter((dir) => !emptyNow.has(dir) && options.includes(dir)),
    removeDirectories: emptied(
      [...emptyNow].filter((dir) => options.includes(dir)),
      [...deletions.map(({ path }) => path), ...specials, ...setAside],
      (dir) => emptyThen.has(dir) || neededBy.has(dir) || (rules.ignores(dir, true) && !lookedAt(dir)) || isClosed(dir),
    ),
  };
}

function parentsOf(paths: readonly BytePath[]): ReadonlySet<BytePath> {
  const parents = new Set<BytePath>();
  for (const path of paths) {
    for (let dir = parentOf(path); dir !== '' && !parents.has(dir); dir = parentOf(dir)) parents.add(dir);
  }
  return parents;
}

/** The directories to remove if nothing is left in them, each before its parent. */
function emptied(
  empty: readonly BytePath[],
  removed: readonly BytePath[],
  stays: (dir: BytePath) => boolean,
): BytePath[] {
  const goes = new Set(empty.filter((dir) => !stays(dir)));
  for (const gone of [...goes, ...removed]) {
    for (let dir = parentOf(gone); dir !== '' && !goes.has(dir); dir = parentOf(dir)) if (!stays(dir)) goes.add(dir);
  }
  return [...goes].sort((a, b) => b.length - a.length);
}

/**
 * What lies on disk now and what lay there then: the files of both snapshots, without the ones
 * that sparse checkout kept off the disk.
 */
function changedPaths(store: ObjectStore, now: LoadedSnapshot, then: LoadedSnapshot): Map<BytePath, PlannedChange> {
  const changes = new Map<BytePath, PlannedChange>();
  for (const { path, before, after } of diffFiles(store, now, then).values()) {
    changes.set(path, { path, from: before, to: after });
  }
  // The trees hold files that the skip-worktree bit keeps off the disk.
  const absentNow = absentBySkipWorktree(store, now);
  const absentThen = absentBySkipWorktree(store, then);
  for (const [path, entry] of [...absentNow, ...absentThen]) {
    const known = changes.get(path) ?? { path, from: entry, to: entry };
    const from = absentNow.has(path) ? null : known.from;
    changes.set(path, { path, from, to: absentThen.has(path) ? null : known.to });
  }
  return changes;
}

function changedPermissions(
  store: ObjectStore,
  now: LoadedSnapshot,
  then: LoadedSnapshot,
  handled: ReadonlySet<BytePath>,
): { path: BytePath; mode: number }[] {
  const before = now.manifest.permissions;
  const after = then.manifest.permissions;
  const candidates = new Map<BytePath, number>();
  for (const [path, octal] of [...Object.entries(before.unusual), ...Object.entries(after.unusual)]) {
    candidates.set(path, Number.parseInt(octal, 8));
  }
  // The usual permissions themselves changed (a task that ran `chmod -R`, say): every file counts.
  if (JSON.stringify(before.usual) !== JSON.stringify(after.usual)) {
    for (const tree of [then.workTree, then.untrackedTree]) addAll(store, tree, candidates);
    for (const dir of then.manifest.emptyDirectories) addDirectories(dir, candidates);
  }
  const changed: { path: BytePath; mode: number }[] = [];
  for (const [path, mode] of candidates) {
    if (handled.has(path)) continue;
    const onDisk = recordedPermissions(before, path, mode);
    const recorded = recordedPermissions(after, path, mode);
    const isChanged = restoredPermissions(onDisk, recorded) !== onDisk;
    if (isChanged && saysPermissions(store, then, path)) changed.push({ path, mode: recorded });
  }
  return changed;
}

/** Last, since the top may become one that cannot be written in. */
function changedTop({ manifest: now }: LoadedSnapshot, { manifest: then }: LoadedSnapshot): RestorePlan['permissions'] {
  if (now.rootPermissions === undefined || then.rootPermissions === undefined) return [];
  const onDisk = Number.parseInt(now.rootPermissions, 8);
  const mode = Number.parseInt(then.rootPermissions, 8);
  return restoredPermissions(onDisk, mode) === onDisk ? [] : [{ path: TOP, mode }];
}

/**
 * Whether the snapshot holds the file or the directory (with a slash at the end). Of others it says
 * nothing: a private file that was ignored then, and is tracked now, must not get the permissions
 * that files usually have.
 */
function saysPermissions(store: ObjectStore, then: LoadedSnapshot, path: BytePath): boolean {
  const { permissions, emptyDirectories } = then.manifest;
  if (Object.hasOwn(permissions.unusual, path)) return true;
  const name = path.endsWith('/') ? path.slice(0, -1) : path;
  if ([then.workTree, then.untrackedTree].some((tree) => findInTree(store, tree, name) !== null)) return true;
  return emptyDirectories.some((dir) => dir === name || dir.startsWith(`${name}/`));
}

function addAll(store: ObjectStore, tree: string, candidates: Map<BytePath, number>): void {
  for (const { path, after } of diffTrees(store, EMPTY_TREE, tree)) {
    const hasPermissions = after!.mode !== SYMLINK && after!.mode !== GITLINK;
    if (hasPermissions && !candidates.has(path)) candidates.set(path, after!.mode);
    addDirectories(parentOf(path), candidates);
  }
}

function addDirectories(lowest: BytePath, candidates: Map<BytePath, number>): void {
  for (let dir = lowest; dir !== ''; dir = parentOf(dir)) {
    if (!candidates.has(`${dir}/`)) candidates.set(`${dir}/`, 0o755);
  }
}
