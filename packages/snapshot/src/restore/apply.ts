import { assertWritable } from '../git/operation-files.ts';
import type { Repository } from '../git/repository.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { permissionsOf } from '../scan/permissions.ts';
import { invalidSnapshot, type LoadedSnapshot } from '../snapshot/load-snapshot.ts';
import { readStateFile, readStateHead, readStateOperation } from '../snapshot/state-files.ts';
import { IndexLock, restoreGitState } from './git-state.ts';
import { assertPlanIsTree, proveReadable } from './plan-conflicts.ts';
import type { RestoreJob } from './restore-job.ts';
import { bringBack, setAside } from './set-aside.ts';
import { WorkTree } from './work-tree.ts';

/**
 * Proves that the plan can be carried out: everything that will be needed exists and reads back,
 * and nothing stands in the way. Changes nothing.
 * @throws AtomicSnapshotError `DEVS_SNAPSHOT_INVALID`, `DEVS_OBJECT_MISSING`,
 * `DEVS_OBJECT_DAMAGED`, `DEVS_RESTORE_OBSTRUCTED`, and an error of the system where something is
 * another user's
 */
export async function proveApplicable({ repo, store, target, plan, filesOnly, onProgress }: RestoreJob): Promise<void> {
  const total = plan.writes.length;
  assertPlanIsTree(target.ref, plan);
  await proveReadable(store, target.ref, plan, (done) => onProgress({ phase: 'prove', done, total }));
  if (!filesOnly) {
    readStateHead(store, target);
    proveIndex(store, target);
    assertWritable(repo.gitDir, ['HEAD', 'index', ...readStateOperation(store, target).keys()]);
    if (target.manifest.head.oid !== null) store.read(target.manifest.head.oid, 'commit');
  }
  using tree = workTreeOf(repo, target);
  const gone = new Set([...plan.deletions.map(({ path }) => path), ...plan.specials, ...plan.setAside]);
  const places = plan.bringBack.map(({ place }) => place);
  for (const path of [...gone, ...plan.createDirectories, ...places]) tree.assertChangeable(path);
  for (const dir of plan.removeDirectories) tree.assertRemovable(dir, gone);
  for (const { path } of plan.permissions) tree.assertOwn(path);
  for (const { path, from } of plan.writes) {
    tree.assertChangeable(path);
    const obstacle = tree.obstacle(path, gone, from !== null);
    if (obstacle !== null) throw tree.obstructed(obstacle);
  }
}

/**
 * An index without its time could not be put in place, and bytes that are no index would stop git.
 * Where the snapshot says itself that the index was damaged, its bytes come back as they were.
 */
function proveIndex(store: ObjectStore, target: LoadedSnapshot): void {
  const bytes = readStateFile(store, target, 'index');
  const isKnownDamaged = target.manifest.lacks?.some(({ what }) => what === 'index') === true;
  if (bytes === null || (isKnownDamaged && target.manifest.indexMtimeNs !== null)) return;
  if (target.manifest.indexMtimeNs === null || bytes.toString('latin1', 0, 4) !== 'DIRC')
    throw invalidSnapshot(target.ref, 'its index is none');
}

/**
 * git's lock on the index, with the target's bytes. @throws AtomicSnapshotError `DEVS_GIT_LOCKED`
 */
export function lockIndex({ repo, store, target }: RestoreJob): IndexLock {
  return new IndexLock(repo, readStateFile(store, target, 'index'), target.manifest.indexMtimeNs);
}

/** Carries the plan out and verifies it. Releases the lock, whatever happens. */
export async function apply(job: RestoreJob, lock: IndexLock): Promise<void> {
  const { repo, target, plan, filesOnly } = job;
  using tree = workTreeOf(repo, target);
  try {
    await applyPlan(job, tree);
    if (!filesOnly) {
      restoreGitState(job);
      lock.commit();
    }
    tree.assertWritten(plan.writes);
  } finally {
    lock.release();
  }
}

async function applyPlan(job: RestoreJob, tree: WorkTree): Promise<void> {
  const { store, target, plan, onProgress } = job;
  for (const { path, from } of plan.deletions) {
    tree.assertIs(path, from);
    tree.remove(path);
  }
  for (const path of plan.specials) tree.removeSpecial(path);
  setAside(job, tree);
  for (const dir of plan.removeDirectories) tree.removeDirectory(dir);
  const total = plan.writes.length;
  for (const [done, { path, from, to }] of plan.writes.entries()) {
    onProgress({ phase: 'apply', done, total });
    tree.assertIs(path, from);
    await tree.write(path, to!, store.readBlob(to!.oid), permissionsOf(target.manifest.permissions, path, to!.mode));
  }
  for (const dir of plan.createDirectories) tree.makeDirectory(dir);
  bringBack(job, tree);
  tree.settle();
  for (const { path, mode } of plan.permissions) tree.setPermissions(path, mode);
}

function workTreeOf(repo: Repository, { manifest }: LoadedSnapshot): WorkTree {
  return new WorkTree(repo.root, (dir) => permissionsOf(manifest.permissions, `${dir}/`, 0));
}
