import type { RunEvent, RunLog } from '@devs/db';
import { AtomicSnapshot, type Place } from '@devs/snapshot';
import { CliError } from '../base/errors.ts';
import type { RestoreRecord } from './record-restore.ts';
import { type RestoreTarget, targetOfRun } from './restore-operation.ts';

/** Runs looked through for the newest that was one: checkpoints are not. */
const LOOKED_AT = 100;

export interface Operation {
  /** For people. */
  readonly what: string;
  /** What takes it back. */
  readonly target: RestoreTarget;
}

/**
 * The newest run or restore. Never an older one: what came after it would be overwritten.
 * @throws CliError `DEVS_NOTHING_TO_UNDO` where there is none, or its snapshot is gone.
 */
export async function newestOperation(place: Place, log: RunLog): Promise<Operation> {
  const run = (await log.list(LOOKED_AT)).find(({ status }) => status !== 'snapshot');
  const [event] = await log.events(['restore', 'undo']);
  if (event !== undefined && (run === undefined || event.at >= (run.finishedAt ?? run.startedAt))) {
    return restoreTakenBack(place, log, event);
  }
  if (run === undefined) throw nothingToUndo('nothing has run here yet');
  if (run.snapshotRef !== null) return { what: `run ${run.id}`, target: targetOfRun(run, [], {}) };
  throw nothingToUndo(
    `the newest operation is run ${run.id} (task ${run.taskId}, ${run.status}), and its snapshot was dropped; --on-success keep keeps it next time`,
  );
}

async function restoreTakenBack(place: Place, log: RunLog, event: RunEvent): Promise<Operation> {
  const { safetyRef, targetOid, paths, filesOnly } = event.data as Partial<RestoreRecord>;
  const run = event.runId === null ? undefined : await log.run(event.runId);
  if (run !== undefined && run.snapshotRef === safetyRef) {
    return { what: `run ${run.id}`, target: targetOfRun(run, [], {}) };
  }
  const isThere = (await AtomicSnapshot.list(place)).some(({ ref }) => ref === safetyRef);
  if (safetyRef === undefined || !isThere) {
    throw nothingToUndo(`the newest operation is a restore of ${event.at}, and its safety snapshot was dropped`);
  }
  const what = run === undefined ? 'what a restore replaced' : `what run ${run.id} had left`;
  const target = { ref: safetyRef, after: targetOid ?? null, paths: paths ?? [], filesOnly: filesOnly === true };
  return { what, target };
}

export function nothingToUndo(why: string): CliError {
  return new CliError('DEVS_NOTHING_TO_UNDO', why, { hint: ['devs', 'log'] });
}
