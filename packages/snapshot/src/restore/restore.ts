import { type BytePath, fromText, parentOf, toText } from '../byte-path.ts';
import { covers } from '../diff.ts';
import { decodeOtherRefs, type MovedRef, movedRefs, readOtherRefs } from '../git/other-refs.ts';
import { deleteRef, type Head, listRefs } from '../git/refs.ts';
import { findRepository, type Repository } from '../git/repository.ts';
import { sweepLeftovers } from '../leftovers.ts';
import {
  ignoreRulesOf,
  type LoadedSnapshot,
  loadSnapshot,
  readStateFile,
  readStateIndex,
  readStateOperation,
  resolveSnapshot,
} from '../load-snapshot.ts';
import { ObjectStore } from '../objects/object-store.ts';
import { findInTree } from '../objects/trees.ts';
import type { TreeIgnoreRules } from '../scan/ignore-rules.ts';
import { permissionsOf } from '../scan/permissions.ts';
import { TrackedFiles } from '../scan/tracked-files.ts';
import { SNAPSHOT_REFS } from '../snapshot-id.ts';
import { type Progress, takeWithExtras } from '../take.ts';
import { assertHeadMayMove, IndexLock, removeOwnLocks, restoreGitState } from './git-state.ts';
import { closeJournal, type Journal, readJournal, writeJournal } from './journal.ts';
import { planRestore, type RestorePlan } from './plan.ts';
import { WorkTree } from './work-tree.ts';

export interface RestoreOptions {
  /** Keeps the snapshot; a restore of some paths, or of files only, always does. */
  readonly keep?: boolean;
  /** Restores these files and directories only (relative to the work tree's top), and nothing of git's state. */
  readonly paths?: readonly string[];
  /** Leaves index, HEAD, branch and operation files alone. */
  readonly filesOnly?: boolean;
  /** Returns the plan and changes nothing, except that a safety snapshot is taken and dropped again. */
  readonly dryRun?: boolean;
  /**
   * Where HEAD stood when the run ended; null: not known. HEAD is then moved back only from there. Without this option
   * it is moved back from wherever it is.
   */
  readonly expectedHead?: Head | null;
  readonly onProgress?: (progress: Progress) => void;
}

export interface RestoreReport {
  readonly ref: string;
  /** The repository as it was before; restoring it undoes this restore. Null for a dry run. */
  readonly safetyRef: string | null;
  readonly written: readonly string[];
  readonly deleted: readonly string[];
  /** Files and directories of which only the permissions changed. */
  readonly permissions: readonly string[];
  /** Files that came into being since and were left, because the snapshot's ignore rules cover them. */
  readonly spared: readonly string[];
  /** Branches, tags and stash entries that are not as they were: they are left alone. The commits are kept. */
  readonly moved: readonly MovedRef[];
  /** Whether the snapshot was dropped. */
  readonly dropped: boolean;
}

/** Everything `AtomicSnapshot.restore` promises. */
export async function restoreSnapshot(cwd: string, name: string, options: RestoreOptions = {}): Promise<RestoreReport> {
  const repo = findRepository(cwd);
  await recoverRestore(cwd);
  using store = new ObjectStore(repo.commonDir);
  const { ref, oid } = resolveSnapshot(repo, name);
  const snapshot = await loadSnapshot(store, ref, oid);
  const paths = options.paths?.map((path) => fromText(path.replace(/^\.\/|\/+$/g, ''))) ?? null;
  const filesOnly = options.filesOnly === true || paths !== null;
  if (!filesOnly && options.expectedHead !== undefined) assertHeadMayMove(repo, snapshot, options.expectedHead);
  const { onProgress = () => {} } = options;
  const request = { paths, filesOnly, dryRun: options.dryRun === true, safety: null, onProgress };
  const report = await applySnapshot(repo, store, snapshot, request);
  if (options.keep === true || filesOnly || request.dryRun) return report;
  deleteRef(repo, ref, oid);
  return { ...report, dropped: true };
}

/**
 * Finishes a restore that was interrupted; null where none was. Rolling forward needs nothing but the target, which
 * was proven readable before the first change.
 */
export async function recoverRestore(cwd: string): Promise<RestoreReport | null> {
  const repo = findRepository(cwd);
  sweepLeftovers(repo);
  const journal = readJournal(repo.gitDir);
  if (journal === null) return null;
  using store = new ObjectStore(repo.commonDir);
  const snapshots = listRefs(repo, SNAPSHOT_REFS);
  // A target that is gone can only have been deleted by hand: then back to where it began.
  const { ref, oid } = resolveSnapshot(repo, snapshots.has(journal.target) ? journal.target : journal.safety);
  const snapshot = await loadSnapshot(store, ref, oid);
  removeOwnLocks(repo, store, snapshot);
  return applySnapshot(repo, store, snapshot, { ...journal, dryRun: false, onProgress: () => {} });
}

interface Request {
  readonly paths: readonly BytePath[] | null;
  readonly filesOnly: boolean;
  readonly dryRun: boolean;
  /** The safety snapshot of the interrupted attempt, when this one finishes it. */
  readonly safety: string | null;
  readonly onProgress: (progress: Progress) => void;
}

async function applySnapshot(
  repo: Repository,
  store: ObjectStore,
  snapshot: LoadedSnapshot,
  request: Request,
): Promise<RestoreReport> {
  const { includeIgnored } = snapshot.manifest;
  const ignoreCase = repo.config.bool('core.ignorecase', false);
  const safety = {
    kind: 'safety' as const,
    includeIgnored,
    onProgress: request.onProgress,
    ...(snapshot.runId === null ? {} : { runId: snapshot.runId }),
  };
  // A task may have hidden what it made by an ignore rule of its own: the snapshot's rules count, too.
  const rules = knownRules(store, snapshot, ignoreRulesOf(store, snapshot, ignoreCase));
  const taken = await takeWithExtras(repo.root, snapshot.label, safety, {
    otherRules: rules,
    keep: snapshot.kept,
  });
  const now = await loadSnapshot(store, taken.ref, taken.oid);
  const { permissions } = snapshot.manifest;
  const tree = new WorkTree(repo.root, (dir) => permissionsOf(permissions, `${dir}/`, 0));
  const plan = planRestore(store, now, snapshot, {
    rules,
    includes: (path) => request.paths?.some((wanted) => covers(wanted, path)) ?? true,
  });
  try {
    await proveReadable(store, snapshot, plan, request);
    proveUnobstructed(tree, plan);
  } catch (error) {
    deleteRef(repo, taken.ref, taken.oid);
    throw error;
  }
  const moved = request.filesOnly ? [] : movedSince(repo, store, snapshot);
  const report = reportOf(snapshot.ref, plan, request.safety ?? taken.ref, moved);
  if (request.dryRun) {
    deleteRef(repo, taken.ref, taken.oid);
    return { ...report, safetyRef: null };
  }
  const journal: Journal = {
    schema: 1,
    target: snapshot.ref,
    safety: request.safety ?? taken.ref,
    filesOnly: request.filesOnly,
    paths: request.paths,
    startedAt: new Date().toISOString(),
  };
  await applyUnderIndexLock(repo, store, snapshot, plan, tree, journal, taken, request.onProgress);
  return report;
}

/**
 * The snapshot's ignore rules, which spare nothing that it knows of: a file that it holds, or one that was tracked then
 * (a deleted one, too: that it was absent is what the snapshot says of it).
 */
function knownRules(
  store: ObjectStore,
  snapshot: LoadedSnapshot,
  rules: Pick<TreeIgnoreRules, 'ignores'>,
): Pick<TreeIgnoreRules, 'ignores'> {
  let tracked: TrackedFiles | null = null;
  const knows = (path: BytePath) => {
    if (findInTree(store, snapshot.untrackedTree, path) !== null) return true;
    tracked ??= new TrackedFiles(readStateIndex(store, snapshot) ?? { entries: [] });
    return tracked.position(path) !== undefined || tracked.hasFilesIn(path);
  };
  return { ignores: (path, isDirectory) => rules.ignores(path, isDirectory) && !knows(path) };
}

/** Step 1: everything that will be needed exists and reads back. */
async function proveReadable(
  store: ObjectStore,
  snapshot: LoadedSnapshot,
  plan: RestorePlan,
  { filesOnly, onProgress }: Request,
): Promise<void> {
  const total = plan.writes.length;
  for (const [done, { to }] of plan.writes.entries()) {
    onProgress({ phase: 'prove', done, total });
    for await (const _ of store.readBlob(to!.oid));
  }
  if (filesOnly) return;
  readStateFile(store, snapshot, 'HEAD');
  readStateFile(store, snapshot, 'index');
  readStateOperation(store, snapshot);
  if (snapshot.manifest.head.oid !== null) store.read(snapshot.manifest.head.oid, 'commit');
}

function proveUnobstructed(tree: WorkTree, plan: RestorePlan): void {
  const gone = new Set(plan.deletions.map(({ path }) => path));
  for (const { path, from } of plan.writes) {
    const obstacle = tree.obstacle(path, gone);
    if (obstacle !== null) throw tree.obstructed(obstacle);
    if (from === null && !gone.has(path)) tree.assertIs(path, null);
  }
}

async function applyUnderIndexLock(
  repo: Repository,
  store: ObjectStore,
  snapshot: LoadedSnapshot,
  plan: RestorePlan,
  tree: WorkTree,
  journal: Journal,
  taken: { readonly ref: string; readonly oid: string },
  onProgress: Request['onProgress'],
): Promise<void> {
  writeJournal(repo.gitDir, journal);
  let lock: IndexLock;
  try {
    lock = new IndexLock(repo, readStateFile(store, snapshot, 'index'), snapshot.manifest.indexMtimeNs);
  } catch (error) {
    // Nothing was touched by this attempt; an interrupted one before it stays to be finished.
    if (journal.safety === taken.ref) closeJournal(repo.gitDir);
    deleteRef(repo, taken.ref, taken.oid);
    throw error;
  }
  try {
    await applyPlan(tree, store, snapshot, plan, onProgress);
    if (!journal.filesOnly) {
      restoreGitState(repo, store, snapshot);
      lock.commit();
    }
    for (const { path, to } of plan.writes) tree.assertIs(path, to);
  } finally {
    lock.release();
  }
  closeJournal(repo.gitDir);
}

async function applyPlan(
  tree: WorkTree,
  store: ObjectStore,
  snapshot: LoadedSnapshot,
  plan: RestorePlan,
  onProgress: Request['onProgress'],
): Promise<void> {
  const emptied = new Set(plan.removeDirectories);
  for (const { path, from } of plan.deletions) {
    tree.assertIs(path, from);
    tree.remove(path);
  }
  for (const gone of [...plan.removeDirectories, ...plan.deletions.map(({ path }) => path)]) {
    for (let dir = parentOf(gone); dir !== ''; dir = parentOf(dir)) emptied.add(dir);
  }
  const stays = new Set(snapshot.manifest.emptyDirectories);
  // Longest first: a directory before its parent.
  for (const dir of [...emptied].sort((a, b) => b.length - a.length)) if (!stays.has(dir)) tree.removeDirectory(dir);
  const total = plan.writes.length;
  for (const [done, { path, from, to }] of plan.writes.entries()) {
    onProgress({ phase: 'apply', done, total });
    tree.assertIs(path, from);
    const permissions = permissionsOf(snapshot.manifest.permissions, path, to!.mode);
    await tree.write(path, to!, store.readBlob(to!.oid), permissions);
  }
  for (const dir of plan.createDirectories) tree.makeDirectory(dir);
  for (const { path, mode } of plan.permissions) tree.setPermissions(path, mode);
}

function movedSince(repo: Repository, store: ObjectStore, snapshot: LoadedSnapshot): MovedRef[] {
  const then = readStateFile(store, snapshot, 'refs');
  // A snapshot of an older version does not say.
  return then === null ? [] : movedRefs(decodeOtherRefs(then), readOtherRefs(repo), snapshot.manifest.head.branch);
}

function reportOf(ref: string, plan: RestorePlan, safetyRef: string, moved: readonly MovedRef[]): RestoreReport {
  return {
    ref,
    safetyRef,
    written: plan.writes.map(({ path }) => toText(path)),
    deleted: plan.deletions.map(({ path }) => toText(path)),
    permissions: plan.permissions.map(({ path }) => toText(path)),
    spared: plan.spared.map(toText),
    moved,
    dropped: false,
  };
}
