import type { RunLog } from '@devs/db';
import { AtomicSnapshot, type Repository } from '@devs/snapshot';
import type { Emit } from './events.ts';
import { reconcile } from './reconcile.ts';
import { recordRestore } from './record-restore.ts';

export interface RepairOptions {
  /**
   * Leaves an interrupted restore as it is, and the snapshots that belong to it: for questions,
   * which write to no file, index or branch. Default: it is finished.
   */
  readonly leavesRestore?: boolean | undefined;
}

/**
 * Puts right what a killed devs left behind. Needs the lock and asks no question; a repair that is
 * killed, too, can be repeated.
 */
export async function repair(
  repo: Repository,
  log: RunLog,
  emit: Emit,
  { leavesRestore = false }: RepairOptions,
): Promise<void> {
  const isLeft = leavesRestore && AtomicSnapshot.hasPendingRestore(repo);
  const onWarning = ({ message }: Error) => emit({ type: 'journal-set-aside', message });
  const report = isLeft ? null : await AtomicSnapshot.recover(repo, { onWarning });
  if (report !== null) {
    await recordRestore(repo, log, report);
    emit({ type: 'restore-finished', report });
  }
  for (const run of await log.markCrashed()) emit({ type: 'crashed', run });
  if (!isLeft) await reconcile(repo, log, emit);
}
