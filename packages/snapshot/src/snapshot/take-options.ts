import type { Head } from '../git/refs.ts';
import type { ProtectedObjects } from '../objects/protected-objects.ts';
import type { OtherRules, Skipped } from '../scan/scan.ts';
import type { SnapshotKind } from './snapshot-kind.ts';

/**
 * How far a take or a restore is. `scan` counts tracked files looked at, `store` changed and
 * untracked files read, `write` new objects, `prove` and `apply` files of a restore.
 */
export interface Progress {
  readonly phase: 'scan' | 'store' | 'write' | 'prove' | 'apply';
  readonly done: number;
  readonly total: number;
}

export interface TakeOptions {
  readonly kind?: SnapshotKind;
  /** The run that the snapshot belongs to; the commit's message names it. */
  readonly runId?: string;
  /** Patterns, as in `.gitignore`, of ignored files to capture all the same. */
  readonly includeIgnored?: readonly string[];
  /**
   * An earlier snapshot (ref, id or commit). What its ignore rules do not cover, or what it holds,
   * is captured even if it is ignored by now, so that a task cannot hide what it did.
   */
  readonly since?: string;
  /** More lines for the commit's message, `Devs-<key>: <value>`; `list` and `show` return them. */
  readonly trailers?: Readonly<Record<string, string>>;
  readonly onProgress?: (progress: Progress) => void;
}

export interface TakeReport {
  readonly ref: string;
  readonly oid: string;
  readonly head: Head;
  /** The number of tracked files that differ from the index, deleted ones included. */
  readonly changed: number;
  readonly untracked: number;
  /** What the take saw and did not capture, and why. */
  readonly skipped: readonly { readonly path: string; readonly reason: Skipped['reason'] }[];
  readonly objectsWritten: number;
}

/** What a restore asks of its safety snapshot, beside the options that every caller has. */
export interface TakeExtras {
  /** The take captures what these rules do not ignore, even where today's rules ignore it. */
  readonly otherRules: OtherRules | null;
  /** The commit of the snapshot that has these rules. */
  readonly since?: string;
  /** What git must not prune while the snapshot exists, beside what the take protects by itself. */
  readonly protectedObjects?: ProtectedObjects;
  /** The refs that the restore is about to move, and where they stand. */
  readonly refMoves?: readonly (readonly [ref: string, oid: string | null])[];
  /**
   * Takes what can be read of a repository that is damaged, and says in the manifest what is
   * missing: a present that cannot be captured can still be left. `of git`: the same of git's own
   * files alone, for a comparison, in which a file that cannot be read would look deleted. Default:
   * the take fails.
   */
  readonly isTolerant?: boolean | 'of git';
  /** Writes the commit without a ref, for a comparison right now; git prunes it later. */
  readonly isAnonymous: boolean;
}
