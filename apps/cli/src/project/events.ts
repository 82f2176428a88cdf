import type { Run } from '@devs/db';
import type { LockData, Takeover } from '@devs/lock';
import type { Progress, RestoreReport, TakeReport } from '@devs/snapshot';
import type { SurvivingProcess } from '../processes/surviving-processes.ts';

/**
 * Everything worth telling that happens in a project or a run. The union is closed: renderers
 * handle each member.
 *
 * `surviving-processes` belong to a dead run, the `holder`, or to the run that has just ended: then
 * it is null. `history-unavailable` says in `isCopied` whether what was last written down is shown
 * all the same.
 */
export type RunnerEvent =
  | { readonly type: 'takeover'; readonly takeover: Takeover }
  | { readonly type: 'waiting'; readonly holder: LockData }
  | { readonly type: 'unsafe-directory'; readonly root: string; readonly fileSystem: string }
  | {
      readonly type: 'surviving-processes';
      readonly holder: LockData | null;
      readonly processes: readonly SurvivingProcess[];
    }
  | { readonly type: 'lock-not-removed'; readonly message: string }
  | { readonly type: 'database-recovered'; readonly message: string }
  | { readonly type: 'history-unavailable'; readonly message: string; readonly isCopied: boolean }
  | { readonly type: 'restore-interrupted'; readonly root: string }
  | { readonly type: 'journal-set-aside'; readonly message: string }
  | { readonly type: 'restore-finished'; readonly report: RestoreReport }
  | { readonly type: 'crashed'; readonly run: Run }
  | { readonly type: 'adopted'; readonly runId: string; readonly taskId: string }
  | { readonly type: 'snapshot-taken'; readonly runId: string; readonly report: TakeReport; readonly ms: number }
  | { readonly type: 'snapshot-gone'; readonly run: Run }
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'started'; readonly runId: string; readonly taskId: string; readonly command: string }
  | { readonly type: 'snapshot-held-again'; readonly runId: string; readonly ref: string }
  | { readonly type: 'snapshot-not-dropped'; readonly ref: string; readonly message: string }
  | { readonly type: 'end-not-written'; readonly runId: string; readonly outcome: string }
  | { readonly type: 'end-unknown'; readonly runId: string; readonly message: string }
  | { readonly type: 'restored'; readonly runId: string; readonly report: RestoreReport; readonly ms: number }
  | { readonly type: 'step'; readonly name: string; readonly ms: number };

export type Emit = (event: RunnerEvent) => void;
