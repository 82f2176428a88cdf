import type { Repository } from '@devs/snapshot';
import type { Hint } from '../base/errors.ts';

/** What a check found. Only what is wrong has a hint or a fix. */
export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly message: string;
  /** A command that shows more, or puts it right. */
  readonly hint?: Hint;
  /**
   * `repair`: what every command does at its start, under the lock. Otherwise puts it right and
   * says how.
   */
  readonly fix?: 'repair' | (() => string);
}

export interface Patient {
  readonly repo: Repository;
  /** A run is in progress: its database and snapshots are in motion. */
  readonly isHeld: boolean;
}

export type Check = (patient: Patient) => Promise<readonly Finding[]> | readonly Finding[];
