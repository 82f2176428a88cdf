import { AtomicSnapshot, AtomicSnapshotError, type Place } from '@devs/snapshot';

/**
 * The ref is gone, or names what this repository's devs did not put there: nothing of the snapshot
 * is left to drop.
 */
const NOT_THERE: ReadonlySet<string> = new Set(['DEVS_SNAPSHOT_NOT_FOUND', 'DEVS_REF_MOVED', 'DEVS_REF_INVALID']);

/**
 * Drops a snapshot of this work tree that may have been dropped already. With `oid` its ref goes
 * only while it names that commit: a task may have rewritten it. Needs the project's lock.
 */
export async function dropIfThere(place: Place, ref: string, oid?: string): Promise<void> {
  try {
    await AtomicSnapshot.drop(place, ref, { exclusive: true, ...(oid === undefined ? {} : { oid }) });
  } catch (error) {
    if (!(error instanceof AtomicSnapshotError) || !NOT_THERE.has(error.code)) throw error;
  }
}

/** As `dropIfThere`; what another process holds locked at the moment is left for the next time. */
export async function dropIfFree(place: Place, ref: string): Promise<void> {
  try {
    await dropIfThere(place, ref);
  } catch (error) {
    if (!(error instanceof AtomicSnapshotError) || error.code !== 'DEVS_GIT_LOCKED') throw error;
  }
}
