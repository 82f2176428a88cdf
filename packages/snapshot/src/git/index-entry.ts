import type { BytePath } from '../base/byte-path.ts';

/** One entry of the index. */
export interface IndexEntry {
  readonly path: BytePath;
  /** Git's mode as a number: 0o100644, 0o100755, 0o120000 or 0o160000. */
  readonly mode: number;
  readonly stage: number;
  readonly skipWorktree: boolean;
  readonly intentToAdd: boolean;
  /** Where the entry starts in the index's `table`. */
  readonly offset: number;
}
