import type { FoundRun, Run, RunLog } from '@devs/db';
import { AtomicSnapshot, type Repository, type SnapshotInfo } from '@devs/snapshot';
import { dropIfFree } from './drop-if-there.ts';
import type { Emit } from './events.ts';
import { runOf } from './record-restore.ts';

/**
 * Brings the database and the refs together: after it, every row's snapshots exist, and every snapshot of a run has a row
 * or an event that names it. Snapshots that belong to no run are their makers' own.
 */
export async function reconcile(repo: Repository, log: RunLog, emit: Emit): Promise<void> {
  const { there, incomplete, unnamed } = await differences(repo, log);
  for (const run of incomplete) await forgetMissing(log, run, there, emit);
  for (const [runId, infos] of groupByRun(unnamed)) {
    const run = await runOf(log, runId);
    if (run === undefined) await adopt(repo, log, runId, infos, emit);
    else for (const info of infos) await settle(repo, log, run, info);
  }
}

/** Whether `reconcile` would do something. Only true knowledge while nobody holds the lock. */
export async function needsReconciling(repo: Repository, log: RunLog): Promise<boolean> {
  const { incomplete, unnamed } = await differences(repo, log);
  return incomplete.length > 0 || unnamed.length > 0;
}

async function differences(repo: Repository, log: RunLog) {
  const snapshots = await AtomicSnapshot.list(repo);
  const kept = await log.kept();
  const there: ReadonlySet<string> = new Set(snapshots.map(({ ref }) => ref));
  const isMissing = (ref: string | null) => ref !== null && !there.has(ref);
  const incomplete = kept.filter(({ snapshot_ref, after_ref }) => isMissing(snapshot_ref) || isMissing(after_ref));
  const ofRuns = snapshots.filter(({ runId }) => runId !== null);
  const named = ofRuns.length === 0 ? new Set() : await namedRefs(log, kept);
  return { there, incomplete, unnamed: ofRuns.filter(({ ref }) => !named.has(ref)) };
}

/** Somebody deleted the ref by hand, or the database is an older copy. */
async function forgetMissing(log: RunLog, run: Run, there: ReadonlySet<string>, emit: Emit): Promise<void> {
  const ifThere = (ref: string | null) => (ref !== null && there.has(ref) ? ref : null);
  const snapshotRef = ifThere(run.snapshot_ref);
  const afterRef = snapshotRef === null ? null : ifThere(run.after_ref);
  if (snapshotRef === run.snapshot_ref && afterRef === run.after_ref) return;
  await log.setSnapshots(run.id, { snapshotRef, afterRef }, 'drop', { missing: run.snapshot_ref ?? run.after_ref });
  if (snapshotRef === null) emit({ type: 'snapshot-gone', run });
}

async function namedRefs(log: RunLog, kept: readonly Run[]): Promise<ReadonlySet<unknown>> {
  const ofRuns = kept.flatMap(({ snapshot_ref, after_ref }) => [snapshot_ref, after_ref]);
  const ofRestores = (await log.events(['restore', 'undo'])).flatMap(({ data }) => [data.safety_ref, data.halfway_ref]);
  return new Set([...ofRuns, ...ofRestores]);
}

function groupByRun(snapshots: readonly SnapshotInfo[]): Map<string, SnapshotInfo[]> {
  const groups = new Map<string, SnapshotInfo[]>();
  for (const info of snapshots) groups.set(info.runId!, [...(groups.get(info.runId!) ?? []), info]);
  return groups;
}

/** A snapshot of a known run that no row names: whoever took or dropped it was killed before the next step. */
async function settle(repo: Repository, log: RunLog, run: Run, { ref, kind }: SnapshotInfo): Promise<void> {
  if (kind === 'safety') await log.event('restore', run.id, { safety_ref: ref, found: true });
  else if (kind === 'after' && run.snapshot_ref !== null && run.after_ref === null) {
    await log.setAfter(run.id, ref, (await AtomicSnapshot.show(repo, ref)).head.oid);
  } else await dropIfFree(repo, ref);
}

/** Runs that only their snapshots remember: the row was never written, or the database was lost. */
async function adopt(
  repo: Repository,
  log: RunLog,
  runId: string,
  infos: readonly SnapshotInfo[],
  emit: Emit,
): Promise<void> {
  const before = infos.find(({ kind }) => kind === 'before' || kind === 'manual');
  const after = infos.find(({ kind }) => kind === 'after');
  if (before !== undefined) {
    const { head } = await AtomicSnapshot.show(repo, before.ref);
    await log.adopt({
      id: runId,
      taskId: before.label,
      command: before.trailers.Command ?? '(unknown)',
      headBefore: head.oid,
      snapshotRef: before.ref,
      afterRef: after?.ref ?? null,
      startedAt: before.takenAt,
      ...outcomeOf(before, after),
    });
    emit({ type: 'adopted', runId, taskId: before.label });
  }
  for (const { ref, kind } of infos) {
    const isNamed = ref === before?.ref || (before !== undefined && ref === after?.ref);
    if (!isNamed) await log.event('restore', runId, { safety_ref: ref, found: true, kind });
  }
}

function outcomeOf(
  before: SnapshotInfo,
  after: SnapshotInfo | undefined,
): Pick<FoundRun, 'status' | 'exitCode' | 'error'> {
  if (before.kind === 'manual') return { status: 'snapshot', exitCode: null, error: null };
  const [, status, exitCode] = /^(succeeded|failed) (\d+)$/.exec(after?.trailers.Outcome ?? '') ?? [];
  if (status === undefined) return { status: 'crashed', exitCode: null, error: 'known by its snapshot alone' };
  return { status: status as 'succeeded' | 'failed', exitCode: Number(exitCode), error: null };
}
