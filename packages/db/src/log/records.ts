import type { EventKind, RunStatus } from '../schema/schema.ts';

/** What a user wants done, and what became of the newest run of it. */
export interface Task {
  readonly id: string;
  readonly command: string;
  readonly status: RunStatus;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** The snapshot that was taken before the newest run; null where nothing can be restored. */
  readonly snapshotStashRef: string | null;
}

/** One attempt at a task. */
export interface Run {
  readonly id: string;
  readonly taskId: string;
  /** The run's own command, or its task's where the first version of devs wrote the row. */
  readonly command: string;
  readonly status: RunStatus;
  /** ISO 8601 UTC, as all times here. */
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly error: string | null;
  /** Object id of HEAD before the run; null on a branch without commits. */
  readonly headBefore: string | null;
  readonly headAfter: string | null;
  /** The repository before the run; null once the snapshot was dropped. */
  readonly snapshotRef: string | null;
  /**
   * Its commit, which finds the snapshot again where the ref was deleted or rewritten; null where
   * it is unknown.
   */
  readonly snapshotOid: string | null;
  /** The repository as the run left it; null where no such snapshot was taken or it was dropped. */
  readonly afterRef: string | null;
  readonly afterOid: string | null;
  /** What the run changed; null where nothing was counted. */
  readonly filesChanged: number | null;
  readonly linesAdded: number | null;
  readonly linesDeleted: number | null;
}

/** Something that happened in a project, beside the runs. */
export interface RunEvent {
  readonly id: number;
  readonly at: string;
  readonly kind: EventKind;
  readonly runId: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}
