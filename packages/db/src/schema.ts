import type { Generated } from 'kysely';

/** `running` in the table and no living holder of the lock means: crashed. It is marked so at the next start. */
export type RunStatus = 'running' | 'succeeded' | 'failed' | 'crashed';

export interface TasksTable {
  id: string;
  command: string;
  status: RunStatus;
  /** ISO 8601 UTC, as all times here. */
  created_at: string;
  updated_at: string;
  /** The snapshot taken before the newest run that did not succeed; null when there is none to restore. */
  snapshot_stash_ref: string | null;
}

export interface RunsTable {
  id: string;
  task_id: string;
  status: RunStatus;
  started_at: string;
  finished_at: string | null;
  exit_code: number | null;
  signal: string | null;
  error: string | null;
  /** Object id of HEAD before the run; null on a branch without commits. */
  head_before: string | null;
  head_after: string | null;
  /** The repository before the run; null once dropped. */
  snapshot_ref: string | null;
  /** The repository as the run left it; null unless the run failed. */
  after_ref: string | null;
}

export type EventKind = 'takeover' | 'crash' | 'restore' | 'drop' | 'keep';

/** Append-only. */
export interface EventsTable {
  id: Generated<number>;
  at: string;
  kind: EventKind;
  run_id: string | null;
  /** JSON. */
  data: string;
}

export interface Schema {
  tasks: TasksTable;
  runs: RunsTable;
  events: EventsTable;
}
