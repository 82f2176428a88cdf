import type { FoundRun, Run, RunLog } from '@devs/db';
import { AtomicSnapshot, AtomicSnapshotError, type Repository, type SnapshotInfo } from '@devs/snapshot';
import { dropIfFree } from './drop-if-there.ts';
import type { Emit } from './events.ts';

/** Runs whose missing snapshots one start records, one durable write each; the next start goes on. */
const MAX_MISSING = 100;

/**
 * Makes the database and the refs agree: afterwards the snapshots of every row exist, and every snapshot of a run has a
 * row or an event that names it. Snapshots without a run are left to the programs that took them.
 */
export async function reconcile(repo: Repository, log: RunLog, emit: Emit): Promise<void> {
  const { there, incomplete, unnamed } = await differences(repo, log);
  for (const run of incomplete.slice(0, MAX_MISSING)) await forgetMissing(log, run, there, emit);
  for (const [runId, infos] of groupByRun(unnamed)) {
    const run = await log.run(runId);
    if (run === undefined) await adopt(repo, log, runId, infos, emit);
    else for (const info of infos) await nameOrDrop(repo, log, run, info);
  }
}

/** Whether `reconcile` would do something. While a run is in progress the answer means nothing. */
export async function needsReconciling(repo: Repository, log: RunLog): Promise<boolean> {
  const { incomplete, unnamed } = await differences(repo, log);
  return incomplete.length > 0 || unnamed.length > 0;
}

async function differences(repo: Repository, log: RunLog) {
  const { isId } = await import('@devs/db');
  const snapshots = await AtomicSnapshot.list(repo);
  const runs = await log.runsWithSnapshots();
  const there: ReadonlySet<string> = new Set(snapshots.map(({ ref }) => ref));
  const isMissing = (ref: string | null) => ref !== null && !there.has(ref);
  const incomplete = runs.filter(({ snapshotRef, afterRef }) => isMissing(snapshotRef) || isMissing(afterRef));
  // A row under any other id would be set aside where it is read.
  const ofRuns = snapshots.filter(({ runId }) => isId(runId));
  const named = ofRuns.length === 0 ? new Set() : await namedRefs(log, runs);
  return { there, incomplete, unnamed: ofRuns.filter(({ ref }) => !named.has(ref)) };
}

/** The ref was deleted by hand, or the database is an older copy. */
async function forgetMissing(log: RunLog, run: Run, there: ReadonlySet<string>, emit: Emit): Promise<void> {
  const ifThere = (ref: string | null) => (ref !== null && there.has(ref) ? ref : null);
  const snapshotRef = ifThere(run.snapshotRef);
  const afterRef = snapshotRef === null ? null : ifThere(run.afterRef);
  if (snapshotRef === run.snapshotRef && afterRef === run.afterRef) return;
  await log.setSnapshots(run.id, { snapshotRef, afterRef }, 'drop', { missing: run.snapshotRef ?? run.afterRef });
  if (snapshotRef === null) emit({ type: 'snapshot-gone', run });
}

async function namedRefs(log: RunLog, runs: readonly Run[]): Promise<ReadonlySet<unknown>> {
  const ofRuns = runs.flatMap(({ snapshotRef, afterRef }) => [snapshotRef, afterRef]);
  const ofRestores = (await log.events(['restore', 'undo'])).flatMap(({ data }) => [data.safetyRef, data.halfwayRef]);
  return new Set([...ofRuns, ...ofRestores]);
}

function groupByRun(snapshots: readonly SnapshotInfo[]): Map<string, SnapshotInfo[]> {
  const groups = new Map<string, SnapshotInfo[]>();
  for (const info of snapshots) groups.set(info.runId!, [...(groups.get(info.runId!) ?? []), info]);
  return groups;
}

/** Ends what a killed devs began with a snapshot of a known run: it is named by a row or an event, or dropped. */
async function nameOrDrop(repo: Repository, log: RunLog, run: Run, { ref, kind }: SnapshotInfo): Promise<void> {
  // The row of a long history may lie beyond those that were read at once.
  if (ref === run.snapshotRef || ref === run.afterRef) return;
  if (kind === 'safety') await log.event('restore', run.id, { safetyRef: ref, found: true });
  else if (kind === 'after' && run.snapshotRef !== null && run.afterRef === null) {
    await log.setAfter(run.id, ref, await headOf(repo, ref));
  } else await dropIfFree(repo, ref);
}

/** Writes the row of a run that only its snapshots remember: the row was never written, or the database was lost. */
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
    await log.adopt({
      id: runId,
      taskId: before.label,
      command: before.trailers.Command ?? '(unknown)',
      headBefore: await headOf(repo, before.ref),
      snapshotRef: before.ref,
      afterRef: after?.ref ?? null,
      startedAt: before.takenAt,
      ...outcomeOf(before, after),
    });
    emit({ type: 'adopted', runId, taskId: before.label });
  }
  for (const { ref, kind } of infos) {
    const isNamed = ref === before?.ref || (before !== undefined && ref === after?.ref);
    if (!isNamed) await log.event('restore', runId, { safetyRef: ref, found: true, kind });
  }
}

/** Where HEAD was; null where the snapshot cannot be read as a whole, which must not stop what comes after it. */
async function headOf(repo: Repository, ref: string): Promise<string | null> {
  try {
    return (await AtomicSnapshot.show(repo, ref)).head.oid;
  } catch (error) {
    if (error instanceof AtomicSnapshotError) return null;
    throw error;
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
