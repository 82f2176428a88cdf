import type { RunLog } from '@devs/db';
import { AtomicSnapshot, type Repository } from '@devs/snapshot';
import type { Emit } from './events.ts';
import { reconcile } from './reconcile.ts';
import { settleRestore } from './record-restore.ts';

/** Puts right whatever a killed devs left behind. Needs the lock; asks nobody; may itself be killed and run again. */
export async function repair(repo: Repository, log: RunLog, emit: Emit): Promise<void> {
  const report = await AtomicSnapshot.recover(repo);
  if (report !== null) {
    await settleRestore(repo, log, report);
    emit({ type: 'restore-finished', report });
  }
  for (const run of await log.markCrashed()) emit({ type: 'crashed', run });
  await reconcile(repo, log, emit);
}
