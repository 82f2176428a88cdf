import type { LockData } from '@devs/lock';
import { describeProcesses, type SurvivorPolicy, survivorsOf } from '../processes/surviving-processes.ts';
import type { Emit } from './events.ts';

/**
 * For `StateLock`: the objection to taking over the lock of a dead run while processes that it
 * started survive.
 */
export function objectToSurvivors(policy: SurvivorPolicy, emit: Emit) {
  const told = new Set<string | undefined>();
  return async (previous: LockData): Promise<string | null> => {
    const processes = survivorsOf(previous);
    if (processes.length === 0) return null;
    if (policy === 'refuse') return `processes it started are still running: ${describeProcesses(processes)}`;
    // Asked for each of the two records that a run has.
    if (!told.has(previous.id)) emit({ type: 'surviving-processes', holder: previous, processes });
    told.add(previous.id);
    return null;
  };
}
