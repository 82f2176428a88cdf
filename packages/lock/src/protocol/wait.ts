import type { StateLockConflictError } from '../record/errors.ts';
import type { LockData } from '../record/record.ts';

export interface WaitOptions {
  /** Milliseconds to wait for a held lock; `Infinity` waits for as long as it takes. Default 0. */
  readonly wait?: number;
  /** Ends the wait; `acquire` then rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Called once, when the wait has lasted 400 ms, with the holder at that moment. */
  readonly onWait?: (holder: LockData) => void;
}

const ANNOUNCE_AFTER_MS = 400;
const FIRST_DELAY_MS = 10;
/**
 * Low enough that a waiter never sleeps through a long series of short holds, high enough to cost
 * nothing.
 */
const MAX_DELAY_MS = 200;

/**
 * An attempt that failed, and for how many milliseconds it is worth another even by one that does
 * not wait.
 */
export interface Refusal {
  readonly conflict: StateLockConflictError;
  readonly undecidedMs: number;
}

/** Calls `attempt` until it succeeds, or the wait is over: then throws the conflict. */
export async function waitForTurn<T extends object>(
  { wait = 0, signal, onWait }: WaitOptions,
  attempt: () => Promise<T | Refusal>,
): Promise<T> {
  // From the first refusal on: most locks are free, and for those no clock is needed.
  let started: number | undefined;
  let delay = FIRST_DELAY_MS;
  let announced = false;
  for (;;) {
    signal?.throwIfAborted();
    const outcome = await attempt();
    if (!('conflict' in outcome)) return outcome;
    const { conflict, undecidedMs } = outcome;
    started ??= performance.now();
    const waited = performance.now() - started;
    const left = Math.max(wait, undecidedMs) - waited;
    if (left <= 0) throw conflict;
    if (!announced && waited >= ANNOUNCE_AFTER_MS) {
      announced = true;
      onWait?.(conflict.lockData);
    }
    // Full jitter: processes that met once must not meet again in step.
    await sleep(Math.min(left, delay * (0.5 + Math.random())), signal);
    delay = Math.min(delay * 1.5, MAX_DELAY_MS);
  }
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}
