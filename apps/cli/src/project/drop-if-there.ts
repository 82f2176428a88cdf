import { AtomicSnapshot, AtomicSnapshotError, type Place } from '@devs/snapshot';

/** Drops a snapshot of this work tree that may have been dropped already. Needs the project's lock. */
export async function dropIfThere(place: Place, ref: string): Promise<void> {
  try {
    await AtomicSnapshot.drop(place, ref, { exclusive: true });
  } catch (error) {
    if (!(error instanceof AtomicSnapshotError) || error.code !== 'DEVS_SNAPSHOT_NOT_FOUND') throw error;
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
