import type { BytePath } from '../base/byte-path.ts';
import type { Repository } from '../git/repository.ts';
import type { TreeEntry } from '../objects/trees.ts';
import type { LoadedSnapshot } from '../snapshot/load-snapshot.ts';
import type { PathHistory } from '../snapshot/path-history.ts';
import type { Aside } from './aside-directory.ts';

/** A path on which the work tree and the snapshot differ. */
export interface PlannedChange {
  readonly path: BytePath;
  /** What is there now, as the safety snapshot holds it; null where nothing is. */
  readonly from: TreeEntry | null;
  /** What the snapshot holds; null where the path goes. */
  readonly to: TreeEntry | null;
}

export interface RestorePlan {
  readonly deletions: readonly PlannedChange[];
  readonly writes: readonly PlannedChange[];
  /**
   * Paths of files and (with a slash at the end) directories whose permissions alone differ, and
   * what the snapshot has recorded of them.
   */
  readonly permissions: readonly { readonly path: BytePath; readonly mode: number }[];
  readonly createDirectories: readonly BytePath[];
  /** The directories that become empty, each before its parent. */
  readonly removeDirectories: readonly BytePath[];
  /** Newer files that the restore leaves alone, because the snapshot says nothing of them. */
  readonly spared: readonly BytePath[];
  /** Fifos, sockets and devices to remove. They hold no bytes. */
  readonly specials: readonly BytePath[];
  /**
   * Files and directories of which no snapshot can hold a copy, and which go to the git directory.
   */
  readonly setAside: readonly BytePath[];
  /** What was set aside when the target was a safety snapshot, and goes back to its place. */
  readonly bringBack: readonly Aside[];
}

export interface PlanOptions {
  readonly repo: Repository;
  /** What `then` says of paths. Its ignore rules spare only the paths of which it says nothing. */
  readonly history: Pick<PathHistory, 'rules' | 'knows' | 'lookedAt' | 'isClosed' | 'otherRules'>;
  readonly includes: (path: BytePath) => boolean;
  /** The repository as the run left it; null where that is not known. */
  readonly after: LoadedSnapshot | null;
  /** Goes on where something is in the way that the run did not make. */
  readonly isForced: boolean;
}
