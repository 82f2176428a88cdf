import type { RunLog } from '@devs/db';
import { AtomicSnapshot, AtomicSnapshotError, type Repository, type SnapshotInfo } from '@devs/snapshot';
import type { Emit } from './events.ts';

/** Puts right whatever a killed devs left behind. Needs the lock; asks nobody; may itself be killed and run again. */
export async function repair(repo: Repository, log: RunLog, emit: Emit): Promise<void> {
  const report = await AtomicSnapshot.recover(repo.root);
  if (report !== null) emit({ type: 'restore-finished', report });
  for (const run of await log.markCrashed()) emit({ type: 'crashed', run });
  for (const run of await log.undropped()) {
    await dropIfThere(repo.root, run.snapshot_ref!);
    await log.forgetSnapshot(run.id, null);
  }
  await adoptUnknownRuns(repo, log, emit);
}

/** Runs that only their snapshots remember: the row was never written, or the database was lost. */
async function adoptUnknownRuns(repo: Repository, log: RunLog, emit: Emit): Promise<void> {
  const byRun = new Map<string, SnapshotInfo[]>();
  for (const info of await AtomicSnapshot.list(repo.root)) {
    if (info.runId !== null) byRun.set(info.runId, [...(byRun.get(info.runId) ?? []), info]);
  }
  for (const [runId, snapshots] of byRun) {
    const before = snapshots.find(({ kind }) => kind === 'before');
    if (before === undefined || (await log.knows(runId))) continue;
    const { head } = await AtomicSnapshot.show(repo.root, before.ref);
    await log.adopt({
      id: runId,
      taskId: before.label,
      command: '(unknown)',
      headBefore: head.oid,
      snapshotRef: before.ref,
      afterRef: snapshots.find(({ kind }) => kind === 'after')?.ref ?? null,
      startedAt: before.takenAt,
      reason: 'known by its snapshot alone',
    });
    emit({ type: 'adopted', runId, taskId: before.label });
  }
}

export async function dropIfThere(root: string, ref: string): Promise<void> {
  try {
    await AtomicSnapshot.drop(root, ref);
  } catch (error) {
    if (!(error instanceof AtomicSnapshotError) || error.code !== 'DEVS_SNAPSHOT_NOT_FOUND') throw error;
  }
}
