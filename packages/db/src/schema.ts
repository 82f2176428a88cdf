import type { Generated } from 'kysely';

/**
 * `running` in the table and no living holder of the lock means: crashed. It is marked so at the next start. `snapshot`: no
 * command ran, somebody asked for a snapshot.
 */
export type RunStatus = 'running' | 'succeeded' | 'failed' | 'crashed' | 'snapshot';

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
  /** Null in rows of the first versions: the task's own is meant then. */
  command: string | null;
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
  /** The repository as the run left it; null unless the snapshot is kept. */
  after_ref: string | null;
  /** What the run changed; null where nobody counted. */
  files_changed: number | null;
  lines_added: number | null;
  lines_deleted: number | null;
}

export type EventKind = 'takeover' | 'crash' | 'restore' | 'undo' | 'drop' | 'gc';

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
