import type { LockData } from '@devs/lock';
import { describeProcesses, type OrphanPolicy, orphansOf } from '../processes/surviving-processes.ts';
import type { Emit } from './events.ts';

/** For `StateLock`: the objection to taking over the lock of a dead run. `policy` is asked only if there are orphans. */
export function objectToOrphans(policy: () => Promise<OrphanPolicy>, emit: Emit) {
  return async (previous: LockData): Promise<string | null> => {
    const orphans = orphansOf(previous);
    if (orphans.length === 0) return null;
    if ((await policy()) === 'refuse') return `processes it started are still running: ${describeProcesses(orphans)}`;
    emit({ type: 'orphans', holder: previous, processes: orphans });
    return null;
  };
}
