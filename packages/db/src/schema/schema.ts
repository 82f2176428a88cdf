import type { Generated } from 'kysely';

// The tables as they are in the file, in snake case. `log/rows.ts` makes records of their rows.

/**
 * `running` in the table while no living process holds the lock means that the run crashed; the
 * next start marks it so. `snapshot` stands for a checkpoint: a user asked for a snapshot and no
 * command ran.
 */
export type RunStatus = 'running' | 'succeeded' | 'failed' | 'crashed' | 'snapshot';

export interface TasksTable {
  id: string;
  command: string;
  status: RunStatus;
  /** ISO 8601 UTC, as all times here. */
  created_at: string;
  updated_at: string;
  /**
   * The snapshot taken before the newest run that did not succeed; null when there is none to
   * restore.
   */
  snapshot_stash_ref: string | null;
}

export interface RunsTable {
  id: string;
  task_id: string;
  /** Null in rows of the first versions, where the task's own command is meant. */
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
  /** The commit of the snapshot; null in rows of earlier versions. */
  snapshot_oid: string | null;
  /** The repository as the run left it; null unless the snapshot is kept. */
  after_ref: string | null;
  after_oid: string | null;
  /** What the run changed; null where nothing was counted. */
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
