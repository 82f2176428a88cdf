import type { RunEvent, RunLog } from '@devs/db';
import type { Place, RestoreReport } from '@devs/snapshot';
import { dropIfThere } from './drop-if-there.ts';

/** What the events say of a restore: enough to undo it. */
export interface RestoreRecord {
  readonly targetRef: string;
  /** The commit of the target, which the safety snapshot keeps. */
  readonly targetOid: string;
  readonly safetyRef: string;
  readonly halfwayRef: string | null;
  readonly paths: readonly string[] | null;
  readonly filesOnly: boolean;
}

/**
 * Writes down what a restore did, then drops the snapshots it used up. The rows come first: a devs
 * that is killed in between leaves refs that no row names, which the next start drops.
 *
 * A run that was restored has no snapshot any more. A run whose restore was undone has them again:
 * what the undoing replaced is what was there before the run, what it brought back is what the run
 * left.
 */
export async function recordRestore(place: Place, log: RunLog, report: RestoreReport): Promise<void> {
  const record: RestoreRecord = {
    targetRef: report.ref,
    targetOid: report.oid,
    safetyRef: report.safetyRef!,
    halfwayRef: report.halfwayRef,
    paths: report.paths,
    filesOnly: report.filesOnly,
  };
  const run = (await log.runsWithSnapshots()).find(({ snapshotRef }) => snapshotRef === report.ref);
  if (run !== undefined) {
    if (report.filesOnly || run.status === 'snapshot') return log.event('restore', run.id, record);
    await log.setSnapshots(run.id, { snapshotRef: null, afterRef: null }, 'restore', record);
    await dropIfThere(place, report.ref, report.oid);
    if (run.afterRef !== null) await dropIfThere(place, run.afterRef);
    return;
  }
  const undone = await restoreWith(log, report.ref);
  const restored = undone?.runId == null ? undefined : await log.run(undone.runId);
  if (restored !== undefined && restored.snapshotRef === null && !report.filesOnly) {
    const snapshots = {
      snapshotRef: report.safetyRef,
      snapshotOid: report.safetyOid,
      afterRef: report.ref,
      afterOid: report.oid,
    };
    await log.setSnapshots(restored.id, snapshots, 'undo', record);
    return;
  }
  await log.event('undo', undone?.runId ?? null, record);
  await dropIfThere(place, report.ref, report.oid);
}

/** The restore whose safety snapshot is `ref`. */
async function restoreWith(log: RunLog, ref: string): Promise<RunEvent | undefined> {
  return (await log.events(['restore', 'undo'])).find(({ data }) => data.safetyRef === ref);
}
