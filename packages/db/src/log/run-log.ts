import { type Kysely, sql, type Transaction } from 'kysely';
import type { EventKind, RunStatus, Schema } from '../schema/schema.ts';
import type { Run, RunEvent, Task } from './records.ts';
import { eventOfRow, MAX_DATA_LENGTH, MAX_TEXT_LENGTH, runOfRow, taskOfRow, textOfData } from './rows.ts';

export interface NewRun {
  readonly id: string;
  readonly taskId: string;
  readonly command: string;
  readonly headBefore: string | null;
  readonly snapshotRef: string;
  /** The snapshot's commit, where the caller knows it. */
  readonly snapshotOid?: string | null;
}

export interface RunEnd {
  readonly status: Exclude<RunStatus, 'running'>;
  readonly exitCode?: number | null;
  readonly signal?: string | null;
  readonly error?: string | null;
  readonly headAfter?: string | null;
  /**
   * Forgets the snapshot with the same write. A devs that is killed before it drops the ref leaves
   * a ref that no row names, and the next start drops it.
   */
  readonly forget?: boolean;
}

/** A run that only its snapshots remember. */
export interface FoundRun extends NewRun {
  readonly status: Exclude<RunStatus, 'running'>;
  readonly startedAt: string;
  readonly afterRef: string | null;
  readonly afterOid?: string | null;
  readonly exitCode: number | null;
  readonly error: string | null;
}

export interface Changes {
  readonly files: number;
  /** Lines; null where they were not counted. */
  readonly added: number | null;
  readonly deleted: number | null;
}

/** Which snapshots a run has from now on; null: none. */
export interface Snapshots {
  readonly snapshotRef: string | null;
  readonly snapshotOid?: string | null;
  readonly afterRef: string | null;
  readonly afterOid?: string | null;
}

/** The repository as a run left it. */
export interface AfterState {
  readonly afterRef: string;
  readonly afterOid: string | null;
  readonly headAfter: string | null;
}

/** Rows that one question reads at most; `devs gc` keeps a history far below this. */
const MAX_ROWS = 10_000;
/** Rows that may be set aside before a short answer gets shorter. */
const MAX_SET_ASIDE = 100;
/** Runs that the beginning of an id may name before the answer is cut off. */
const MAX_SIMILAR = 20;
/** Crashed runs that one start names, and that one start ends. */
const MAX_CRASHES_NAMED = 20;
const MAX_CRASHES = 20_000;
const CRASHED = 'devs was killed, or the machine stopped';

/**
 * The history of runs. Every write is one immediate transaction, on disk when its promise resolves.
 */
export class RunLog {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async start(run: NewRun): Promise<void> {
    await this.#db.transaction().execute((trx) => insertRun(trx, run, 'running', now()));
  }

  /** Records a checkpoint: a snapshot that a user asked for, with no command. */
  async addSnapshot(run: NewRun): Promise<void> {
    await this.#db.transaction().execute((trx) => insertRun(trx, run, 'snapshot', now()));
  }

  /** Ends a run. The snapshot stays the run's and the task's unless `forget` is set. */
  async finish(id: string, end: RunEnd): Promise<void> {
    await this.#db.transaction().execute((trx) => finishRun(trx, id, end));
  }

  /** What the run left, once it is known. */
  async setAfter(id: string, { afterRef, afterOid, headAfter }: AfterState): Promise<void> {
    const values = { after_ref: afterRef, after_oid: afterOid, head_after: headAfter };
    await this.#db.updateTable('runs').set(values).where('id', '=', id).execute();
  }

  async setChanges(id: string, { files, added, deleted }: Changes): Promise<void> {
    const values = { files_changed: files, lines_added: added, lines_deleted: deleted };
    await this.#db.updateTable('runs').set(values).where('id', '=', id).execute();
  }

  /** Gives a run other snapshots, or none, and says why in the events; both or neither happens. */
  async setSnapshots(id: string, snapshots: Snapshots, kind: EventKind | null, data: object = {}): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      await setSnapshots(trx, id, snapshots);
      if (kind !== null) await insertEvent(trx, kind, id, data);
    });
  }

  /**
   * Marks runs that never ended as crashed and returns the newest of them. Only the holder of the
   * lock may call this: no other process can be running a task then.
   */
  async markCrashed(): Promise<readonly Run[]> {
    if (!(await this.hasRunning())) return [];
    const query = this.#runs().where('runs.status', '=', 'running').orderBy('runs.id', 'desc');
    const running = soundRuns(await query.limit(MAX_CRASHES_NAMED).execute());
    await this.#db.transaction().execute(async (trx) => {
      for (const run of running) {
        await finishRun(trx, run.id, { status: 'crashed', error: CRASHED });
        await insertEvent(trx, 'crash', run.id, { snapshotRef: run.snapshotRef });
      }
      // Only one run can have been under way. More rows than that are not devs's own work, and
      // there may be millions of them: they end in one statement, or a part of them does.
      const rest = trx.selectFrom('runs').select('id').where('status', '=', 'running').limit(MAX_CRASHES);
      const values = { status: 'crashed' as const, finished_at: now(), error: CRASHED };
      await trx.updateTable('runs').set(values).where('id', 'in', rest).execute();
    });
    return running;
  }

  /**
   * Adds a run known only by its snapshots: the database was lost, or `devs` was killed before it
   * wrote the row.
   */
  async adopt(run: FoundRun): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      // A row that this id has already was set aside, for otherwise the run would be known.
      await trx.deleteFrom('runs').where('id', '=', run.id).execute();
      await insertRun(trx, run, run.status, run.startedAt);
      const values = {
        after_ref: run.afterRef,
        after_oid: run.afterOid ?? null,
        exit_code: run.exitCode,
        error: run.error,
      };
      await trx.updateTable('runs').set(values).where('id', '=', run.id).execute();
      if (run.status === 'crashed') await insertEvent(trx, 'crash', run.id, { adopted: true });
    });
  }

  async event(kind: EventKind, runId: string | null, data: object): Promise<void> {
    await this.#db.transaction().execute((trx) => insertEvent(trx, kind, runId, data));
  }

  /** The run with exactly this id. */
  async run(id: string): Promise<Run | undefined> {
    return soundRuns(await this.#runs().where('runs.id', '=', id).execute())[0];
  }

  async hasRunning(): Promise<boolean> {
    const query = this.#db.selectFrom('runs').select('id').where('status', '=', 'running').limit(1);
    return (await query.executeTakeFirst()) !== undefined;
  }

  /** The runs that have a snapshot, newest first; no more than `MAX_ROWS` of them. */
  async runsWithSnapshots(): Promise<readonly Run[]> {
    const query = this.#runs()
      .where((eb) => eb.or([eb('snapshot_ref', 'is not', null), eb('after_ref', 'is not', null)]))
      .orderBy('runs.id', 'desc');
    return soundRuns(await query.limit(MAX_ROWS).execute());
  }

  /** Newest first. */
  async list(limit: number): Promise<readonly Run[]> {
    const query = this.#runs().orderBy('runs.id', 'desc');
    return soundRuns(await query.limit(limit + MAX_SET_ASIDE).execute()).slice(0, limit);
  }

  /** Newest first; of all runs, or of these. No more than `MAX_ROWS` of them. */
  async events(kinds: readonly EventKind[], runIds?: readonly string[]): Promise<readonly RunEvent[]> {
    const rows = await this.#db
      .selectFrom('events')
      .selectAll()
      .where('kind', 'in', kinds)
      .$if(runIds !== undefined, (query) => query.where('run_id', 'in', runIds!))
      .where(sql<boolean>`length(data) <= ${MAX_DATA_LENGTH}`)
      .orderBy('id', 'desc')
      .limit(MAX_ROWS)
      .execute();
    return rows.map(eventOfRow).filter((event) => event !== null);
  }

  /**
   * The runs that `name` may mean: `@` the newest, an id, the beginning of one or its last part, or
   * a task id (its newest run).
   */
  async find(name: string): Promise<readonly Run[]> {
    if (name === '@') return this.list(1);
    const exact = await this.run(name);
    if (exact !== undefined) return [exact];
    const newestOfTask = this.#runs()
      .where('runs.task_id', '=', name)
      .orderBy('runs.id', 'desc')
      .limit(1 + MAX_SET_ASIDE);
    const ofTask = soundRuns(await newestOfTask.execute()).slice(0, 1);
    if (ofTask.length > 0) return ofTask;
    // substr, not LIKE: `_` and `%` in what the user typed must mean themselves.
    const similar = this.#runs()
      .where(({ eb, fn, or, val }) =>
        or([
          eb(fn('substr', ['runs.id', val(1), val(name.length)]), '=', name),
          eb(fn('substr', ['runs.id', val(-name.length - 1)]), '=', `-${name}`),
        ]),
      )
      .orderBy('runs.id', 'desc')
      .limit(MAX_SIMILAR);
    return soundRuns(await similar.execute());
  }

  async task(id: string): Promise<Task | undefined> {
    const row = await this.#db.selectFrom('tasks').selectAll().where('id', '=', id).executeTakeFirst();
    return (row && taskOfRow(row)) ?? undefined;
  }

  #runs() {
    return this.#db
      .selectFrom('runs')
      .innerJoin('tasks', 'tasks.id', 'runs.task_id')
      .selectAll('runs')
      .select(sql<string>`coalesce(runs.command, tasks.command)`.as('command'))
      .where(sql<boolean>`length(coalesce(runs.command, tasks.command)) <= ${MAX_TEXT_LENGTH}`);
  }
}

function soundRuns(rows: readonly Readonly<Record<string, unknown>>[]): Run[] {
  return rows.map(runOfRow).filter((run) => run !== null);
}

function now(): string {
  return new Date().toISOString();
}

async function insertRun(trx: Transaction<Schema>, run: NewRun, status: RunStatus, at: string): Promise<void> {
  const { id, taskId, command, headBefore, snapshotRef, snapshotOid = null } = run;
  const task = { command, status, updated_at: at, snapshot_stash_ref: snapshotRef };
  await trx
    .insertInto('tasks')
    .values({ id: taskId, created_at: at, ...task })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(task))
    .execute();
  const row = { id, task_id: taskId, command, status, started_at: at, head_before: headBefore };
  await trx
    .insertInto('runs')
    .values({ ...row, snapshot_ref: snapshotRef, snapshot_oid: snapshotOid })
    .execute();
}

async function finishRun(trx: Transaction<Schema>, id: string, end: RunEnd): Promise<void> {
  const at = now();
  const { status, exitCode = null, signal = null, error = null, headAfter = null, forget = false } = end;
  const run = await trx.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  const row = { status, finished_at: at, exit_code: exitCode, signal, error, head_after: headAfter };
  await trx
    .updateTable('runs')
    .set({ ...row, ...(forget ? { snapshot_ref: null, snapshot_oid: null } : {}) })
    .where('id', '=', id)
    .execute();
  await trx
    .updateTable('tasks')
    .set({ status, updated_at: at, snapshot_stash_ref: forget ? null : run.snapshot_ref })
    .where('id', '=', run.task_id)
    .execute();
}

async function setSnapshots(trx: Transaction<Schema>, id: string, snapshots: Snapshots): Promise<void> {
  const { snapshotRef, snapshotOid = null, afterRef, afterOid = null } = snapshots;
  const run = await trx.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  const values = { snapshot_ref: snapshotRef, snapshot_oid: snapshotOid, after_ref: afterRef, after_oid: afterOid };
  await trx.updateTable('runs').set(values).where('id', '=', id).execute();
  // The task names the snapshot of its newest run, and no other's.
  const newest = await trx
    .selectFrom('runs')
    .select('id')
    .where('task_id', '=', run.task_id)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirstOrThrow();
  if (newest.id !== id) return;
  await trx
    .updateTable('tasks')
    .set({ snapshot_stash_ref: snapshotRef, updated_at: now() })
    .where('id', '=', run.task_id)
    .execute();
}

async function insertEvent(
  trx: Transaction<Schema>,
  kind: EventKind,
  runId: string | null,
  data: object,
): Promise<void> {
  const row = { at: now(), kind, run_id: runId, data: textOfData(data) };
  await trx.insertInto('events').values(row).execute();
}
