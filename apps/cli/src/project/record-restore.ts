import type { Run, RunEvent, RunLog } from '@devs/db';
import type { Place, RestoreReport } from '@devs/snapshot';
import { dropIfThere } from './drop-if-there.ts';

/** What the events say of a restore: enough to undo it. */
export interface RestoreRecord {
  readonly target_ref: string;
  /** The commit of the target, which the safety snapshot keeps. */
  readonly target_oid: string;
  readonly safety_ref: string;
  readonly halfway_ref: string | null;
  readonly paths: readonly string[] | null;
  readonly files_only: boolean;
}

/**
 * Writes down what a restore did, then drops the snapshots it used up. The rows come first: whoever is killed in between
 * leaves refs that no row names, which the next start drops.
 *
 * A run that was restored has no snapshot any more. A run whose restore was undone has them again: what the undoing
 * replaced is what was there before the run, what it brought back is what the run left.
 */
export async function settleRestore(place: Place, log: RunLog, report: RestoreReport): Promise<void> {
  const record: RestoreRecord = {
    target_ref: report.ref,
    target_oid: report.oid,
    safety_ref: report.safetyRef!,
    halfway_ref: report.halfwayRef,
    paths: report.paths,
    files_only: report.filesOnly,
  };
  const run = (await log.kept()).find(({ snapshot_ref }) => snapshot_ref === report.ref);
  if (run !== undefined) {
    if (report.filesOnly || run.status === 'snapshot') return log.event('restore', run.id, record);
    await log.setSnapshots(run.id, { snapshotRef: null, afterRef: null }, 'restore', record);
    for (const ref of [report.ref, run.after_ref]) if (ref !== null) await dropIfThere(place, ref);
    return;
  }
  const undone = await restoreWith(log, report.ref);
  const restored = undone?.run_id == null ? undefined : await runOf(log, undone.run_id);
  if (restored !== undefined && restored.snapshot_ref === null && !report.filesOnly) {
    const snapshots = { snapshotRef: report.safetyRef, afterRef: report.ref };
    await log.setSnapshots(restored.id, snapshots, 'undo', record);
    return;
  }
  await log.event('undo', undone?.run_id ?? null, record);
  await dropIfThere(place, report.ref);
}

/** The restore whose safety snapshot is `ref`. */
async function restoreWith(log: RunLog, ref: string): Promise<RunEvent | undefined> {
  return (await log.events(['restore', 'undo'])).find(({ data }) => data.safety_ref === ref);
}

export async function runOf(log: RunLog, id: string): Promise<Run | undefined> {
  return (await log.find(id)).find((run) => run.id === id);
}
