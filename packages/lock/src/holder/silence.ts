import type { LockData } from '../record/record.ts';

/** So many missed beats are silence. */
const MISSED_BEATS = 3;

export type Silent = 'yes' | 'no' | 'not yet';

/**
 * Judges silence by what this process itself saw, on its own monotonic clock. A record's age alone
 * is the difference of two wall clocks: a step of either would make every living holder look
 * silent.
 */
export class Silence {
  readonly #now: () => number;
  readonly #seen = new Map<string, { timestamp: string; since: number; moved: boolean }>();

  /** `now`: milliseconds of a clock that is never set. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Whether the holder of `generation` has been silent for longer than `maxAgeMs`. `ageMs`: by its
   * record. `not yet`: by its record it has, but it promised beats, and this process has not
   * watched for long enough to have missed some.
   */
  judge(generation: string, lock: LockData, ageMs: number, maxAgeMs: number): Silent {
    const watched = this.#watch(generation, lock.timestamp);
    if (watched.ms > maxAgeMs) return 'yes';
    if (ageMs <= maxAgeMs || watched.moved) return 'no';
    return watched.ms >= watchMs(lock, maxAgeMs) ? 'yes' : 'not yet';
  }

  #watch(generation: string, timestamp: string): { readonly ms: number; readonly moved: boolean } {
    const before = this.#seen.get(generation);
    if (before?.timestamp === timestamp) return { ms: this.#now() - before.since, moved: before.moved };
    const moved = before !== undefined;
    this.#seen.set(generation, { timestamp, since: this.#now(), moved });
    return { ms: 0, moved };
  }
}

/**
 * For how long a record that is old must be seen unchanged before it is believed. Holders that do
 * not say that they refresh it (bare three-field records) have nothing but their age.
 */
export function watchMs({ heartbeat_ms = 0 }: LockData, maxAgeMs: number): number {
  return Math.min(heartbeat_ms * MISSED_BEATS, maxAgeMs);
}
