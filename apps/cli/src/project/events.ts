import type { Run } from '@devs/db';
import type { LockData, Takeover } from '@devs/lock';
import type { Progress, RestoreReport, TakeReport } from '@devs/snapshot';
import type { LeftBehind } from '../processes/surviving-processes.ts';

/** Everything worth telling that happens in a project or a run. A closed union: renderers handle each member. */
export type RunnerEvent =
  | { readonly type: 'takeover'; readonly takeover: Takeover }
  | { readonly type: 'waiting'; readonly holder: LockData }
  | { readonly type: 'unsafe-directory'; readonly root: string; readonly fileSystem: string }
  | { readonly type: 'orphans'; readonly holder: LockData; readonly processes: readonly LeftBehind[] }
  | { readonly type: 'database-recovered'; readonly message: string }
  | { readonly type: 'restore-finished'; readonly report: RestoreReport }
  | { readonly type: 'crashed'; readonly run: Run }
  | { readonly type: 'adopted'; readonly runId: string; readonly taskId: string }
  | { readonly type: 'snapshot-taken'; readonly runId: string; readonly report: TakeReport; readonly ms: number }
  | { readonly type: 'snapshot-gone'; readonly run: Run }
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'started'; readonly runId: string; readonly taskId: string; readonly command: string }
  | { readonly type: 'left-behind'; readonly processes: readonly LeftBehind[] }
  | { readonly type: 'restored'; readonly runId: string; readonly report: RestoreReport; readonly ms: number }
  | { readonly type: 'step'; readonly name: string; readonly ms: number };

export type Emit = (event: RunnerEvent) => void;
