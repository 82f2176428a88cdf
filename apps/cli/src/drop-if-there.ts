import { AtomicSnapshot, AtomicSnapshotError } from '@devs/snapshot';

/** Drops a snapshot that may have been dropped already. */
export async function dropIfThere(root: string, ref: string): Promise<void> {
  try {
    await AtomicSnapshot.drop(root, ref);
  } catch (error) {
    if (!(error instanceof AtomicSnapshotError) || error.code !== 'DEVS_SNAPSHOT_NOT_FOUND') throw error;
  }
}
