import type { Repository } from '../git/repository.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import type { NamedSnapshot } from '../snapshot/find-snapshot.ts';
import type { LoadedSnapshot } from '../snapshot/load-snapshot.ts';
import type { Progress } from '../snapshot/take-options.ts';
import type { RefMove } from './ref-moves.ts';
import type { RestorePlan } from './restore-plan.ts';

/** One restore: where to, and what has to change for it. */
export interface RestoreJob {
  readonly repo: Repository;
  readonly store: ObjectStore;
  readonly target: LoadedSnapshot;
  /** What an undo of this restore goes back to. */
  readonly safety: NamedSnapshot;
  /** The number of the first thing that is set aside. */
  readonly firstAside: number;
  readonly plan: RestorePlan;
  readonly refMoves: readonly RefMove[];
  /** Leaves index, HEAD, branch and operation files alone. */
  readonly filesOnly: boolean;
  readonly onProgress: (progress: Progress) => void;
}
