import type { AtomicSnapshotError } from '../base/errors.ts';
import type { MovedRef } from '../git/other-refs.ts';
import type { Lack } from '../snapshot/manifest.ts';
import type { Progress } from '../snapshot/take-options.ts';
import type { LeftAlone } from './left-alone.ts';

export interface RecoverOptions {
  /** Told of a journal that is not this repository's: where it was moved to, and what to do. */
  readonly onWarning?: (warning: AtomicSnapshotError) => void;
}

export interface RestoreOptions extends RecoverOptions {
  /**
   * Keeps the snapshot's ref, which a full restore otherwise drops. A restore of some paths, or of
   * files only, never drops it.
   */
  readonly keep?: boolean;
  /**
   * Restores these files and directories only (relative to the work tree's top), and nothing of
   * git's state.
   */
  readonly paths?: readonly string[];
  /** Leaves index, HEAD, branch and operation files alone. */
  readonly filesOnly?: boolean;
  /** Returns the plan and changes nothing. */
  readonly dryRun?: boolean;
  /**
   * The snapshot (ref, id or commit) of the repository as the run left it; null where that is
   * unknown. With this option the restore refuses to overwrite what changed since, in HEAD, the
   * index or files.
   */
  readonly after?: string | null;
  readonly onProgress?: (progress: Progress) => void;
}

export interface RestoreReport {
  readonly ref: string;
  /**
   * The snapshot's commit. The safety snapshot protects it; it is the `after` of undoing this
   * restore.
   */
  readonly oid: string;
  /** The paths that the restore was limited to; null where it restored everything. */
  readonly paths: readonly string[] | null;
  /** Whether the restore left index, HEAD, branch and operation files alone. */
  readonly filesOnly: boolean;
  /** The repository as it was before; restoring it undoes this restore. Null for a dry run. */
  readonly safetyRef: string | null;
  /** Its commit. */
  readonly safetyOid: string | null;
  /**
   * The repository as it was when this call went on with an interrupted restore; null where there
   * was none.
   */
  readonly halfwayRef: string | null;
  readonly written: readonly string[];
  readonly deleted: readonly string[];
  /** Files and directories of which only the permissions changed. */
  readonly permissions: readonly string[];
  /** Newer files that the restore left alone, because the snapshot's ignore rules cover them. */
  readonly spared: readonly string[];
  /**
   * Branches, tags and stash entries that moved since. The restore leaves them alone; their commits
   * stay.
   */
  readonly moved: readonly MovedRef[];
  /** What the safety snapshot could not keep, because the repository was damaged. */
  readonly lacks: readonly Lack[];
  /**
   * What else changed since, and is not brought back: configuration, other work trees, repositories
   * inside.
   */
  readonly leftAlone: readonly LeftAlone[];
  /** Whether the restore dropped the snapshot. */
  readonly dropped: boolean;
}
