import type { FoundRun, Run, RunLog } from '@devs/db';
import {
  AtomicSnapshot,
  AtomicSnapshotError,
  type NamedSnapshot,
  type Repository,
  type SnapshotInfo,
} from '@devs/snapshot';
import { dropIfFree } from './drop-if-there.ts';
import type { Emit } from './events.ts';

/**
 * Runs whose missing snapshots one start records, one durable write each; the next start goes on.
 */
const MAX_MISSING = 100;

/**
 * Makes the database and the refs agree: afterwards the snapshots of every row exist, and every
 * snapshot of a run has a row or an event that names it. Snapshots without a run are left to the
 * programs that took them.
 */
export async function reconcile(repo: Repository, log: RunLog, emit: Emit): Promise<void> {
  const { there, incomplete, unnamed } = await differences(repo, log);
  for (const run of incomplete.slice(0, MAX_MISSING)) await mendOrForget(repo, log, { run, there }, emit);
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
  const there: ReadonlyMap<string, string> = new Map(snapshots.map(({ ref, oid }) => [ref, oid]));
  const incomplete = runs.filter(
    ({ snapshotRef, snapshotOid, afterRef, afterOid }) =>
      !isThere(there, snapshotRef, snapshotOid) || !isThere(there, afterRef, afterOid),
  );
  // A row under any other id would be set aside where it is read.
  const ofRuns = snapshots.filter(({ runId }) => isId(runId));
  const named = ofRuns.length === 0 ? new Set() : await namedRefs(log, runs);
  return { there, incomplete, unnamed: ofRuns.filter(({ ref }) => !named.has(ref)) };
}

/** Whether a ref that a row names, if it names one, still holds the commit that the row knows. */
function isThere(there: ReadonlyMap<string, string>, ref: string | null, oid: string | null): boolean {
  if (ref === null) return true;
  return oid === null ? there.has(ref) : there.get(ref) === oid;
}

interface Incomplete {
  readonly run: Run;
  readonly there: ReadonlyMap<string, string>;
}

/**
 * A ref was deleted or rewritten (`rm -rf .git/refs/devs`, `filter-branch --all`), or the database
 * is an older copy. While the commit exists, the ref gets it back; else the run forgets the
 * snapshot.
 */
async function mendOrForget(repo: Repository, log: RunLog, { run, there }: Incomplete, emit: Emit): Promise<void> {
  const refOrNull = async (ref: string | null, oid: string | null) => {
    if (ref === null || isThere(there, ref, oid)) return ref;
    return oid !== null && (await holdAgain(repo, { ref, oid })) ? ref : null;
  };
  const snapshotRef = await refOrNull(run.snapshotRef, run.snapshotOid);
  const afterRef = snapshotRef === null ? null : await refOrNull(run.afterRef, run.afterOid);
  if (snapshotRef === run.snapshotRef && afterRef === run.afterRef) {
    if (snapshotRef !== null) emit({ type: 'snapshot-held-again', runId: run.id, ref: snapshotRef });
    return;
  }
  const kept = { snapshotRef, snapshotOid: snapshotRef === null ? null : run.snapshotOid, afterRef };
  const afterOid = afterRef === null ? null : run.afterOid;
  await log.setSnapshots(run.id, { ...kept, afterOid }, 'drop', { missing: run.snapshotRef ?? run.afterRef });
  if (snapshotRef === null) emit({ type: 'snapshot-gone', run });
}

/** False where git has pruned the commit, or another process holds the ref's lock at the moment. */
async function holdAgain(repo: Repository, snapshot: NamedSnapshot): Promise<boolean> {
  try {
    await AtomicSnapshot.hold(repo, snapshot);
    return true;
  } catch (error) {
    if (error instanceof AtomicSnapshotError) return false;
    throw error;
  }
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

/**
 * Ends what a killed devs began with a snapshot of a known run: it is named by a row or an event,
 * or dropped.
 */
async function nameOrDrop(repo: Repository, log: RunLog, run: Run, { ref, oid, kind }: SnapshotInfo): Promise<void> {
  // The row of a long history may lie beyond those that were read at once.
  if (ref === run.snapshotRef || ref === run.afterRef) return;
  if (kind === 'safety') await log.event('restore', run.id, { safetyRef: ref, found: true });
  else if (kind === 'after' && run.snapshotRef !== null && run.afterRef === null) {
    await log.setAfter(run.id, { afterRef: ref, afterOid: oid, headAfter: await headOf(repo, ref) });
  } else await dropIfFree(repo, ref);
}

/**
 * Writes the row of a run that only its snapshots remember: the row was never written, or the
 * database was lost.
 */
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
      snapshotOid: before.oid,
      afterRef: after?.ref ?? null,
      afterOid: after?.oid ?? null,
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

/**
 * Where HEAD was; null where the snapshot cannot be read as a whole, which must not stop what comes
 * after it.
 */
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
