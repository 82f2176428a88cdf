import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import type { EventKind, EventsTable, RunStatus, RunsTable, Schema, TasksTable } from './schema.ts';

export type Task = Selectable<TasksTable>;

/** A run, with its command: its own, or its task's in rows of the first versions. */
export type Run = Omit<Selectable<RunsTable>, 'command'> & { readonly command: string };

export type RunEvent = Omit<Selectable<EventsTable>, 'data'> & { readonly data: Readonly<Record<string, unknown>> };

export interface NewRun {
  readonly id: string;
  readonly taskId: string;
  readonly command: string;
  readonly headBefore: string | null;
  readonly snapshotRef: string;
}

export interface RunEnd {
  readonly status: Exclude<RunStatus, 'running'>;
  readonly exitCode?: number | null;
  readonly signal?: string | null;
  readonly error?: string | null;
  readonly headAfter?: string | null;
  /** Forgets the snapshot with the same write: whoever is killed before dropping its ref leaves one no row names. */
  readonly forget?: boolean;
}

/** A run that only its snapshots remember. */
export interface FoundRun extends NewRun {
  readonly status: Exclude<RunStatus, 'running'>;
  readonly startedAt: string;
  readonly afterRef: string | null;
  readonly exitCode: number | null;
  readonly error: string | null;
}

export interface Changes {
  readonly files: number;
  /** Lines; null where nobody counted them. */
  readonly added: number | null;
  readonly deleted: number | null;
}

/** Which snapshots a run has from now on; null: none. */
export interface Snapshots {
  readonly snapshotRef: string | null;
  readonly afterRef: string | null;
}

/** The history of runs. Every write is one immediate transaction, on disk when its promise resolves. */
export class RunLog {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async start(run: NewRun): Promise<void> {
    await this.#db.transaction().execute((trx) => insertRun(trx, run, 'running', now()));
  }

  /** A snapshot that somebody asked for: a run of nothing. */
  async addSnapshot(run: NewRun): Promise<void> {
    await this.#db.transaction().execute((trx) => insertRun(trx, run, 'snapshot', now()));
  }

  /** Ends a run. The snapshot stays the run's and the task's unless `forget` is set. */
  async finish(id: string, end: RunEnd): Promise<void> {
    await this.#db.transaction().execute((trx) => finishRun(trx, id, end));
  }

  /** What the run left, once it is known. */
  async setAfter(id: string, afterRef: string, headAfter: string | null): Promise<void> {
    const values = { after_ref: afterRef, head_after: headAfter };
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

  /** Marks runs that never ended as crashed; only the holder of the lock may ask, for nobody else can be running. */
  async markCrashed(): Promise<readonly Run[]> {
    const running = await this.#runs().where('runs.status', '=', 'running').execute();
    if (running.length === 0) return [];
    await this.#db.transaction().execute(async (trx) => {
      for (const run of running) {
        await finishRun(trx, run.id, { status: 'crashed', error: 'devs was killed, or the machine stopped' });
        await insertEvent(trx, 'crash', run.id, { snapshot_ref: run.snapshot_ref });
      }
    });
    return running;
  }

  /** Adds a run known only by its snapshots: the database was lost, or `devs` killed before it could write the row. */
  async adopt(run: FoundRun): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      await insertRun(trx, run, run.status, run.startedAt);
      const values = { after_ref: run.afterRef, exit_code: run.exitCode, error: run.error };
      await trx.updateTable('runs').set(values).where('id', '=', run.id).execute();
      if (run.status === 'crashed') await insertEvent(trx, 'crash', run.id, { adopted: true });
    });
  }

  async event(kind: EventKind, runId: string | null, data: object): Promise<void> {
    await this.#db.transaction().execute((trx) => insertEvent(trx, kind, runId, data));
  }

  async knows(runId: string): Promise<boolean> {
    return (await this.#db.selectFrom('runs').select('id').where('id', '=', runId).executeTakeFirst()) !== undefined;
  }

  async hasRunning(): Promise<boolean> {
    return (await this.#runs().where('runs.status', '=', 'running').limit(1).executeTakeFirst()) !== undefined;
  }

  /** The runs that have a snapshot, newest first. */
  async kept(): Promise<readonly Run[]> {
    return this.#runs()
      .where((eb) => eb.or([eb('snapshot_ref', 'is not', null), eb('after_ref', 'is not', null)]))
      .orderBy('runs.id', 'desc')
      .execute();
  }

  /** Newest first. */
  async list(limit: number): Promise<readonly Run[]> {
    return this.#runs().orderBy('runs.id', 'desc').limit(limit).execute();
  }

  /** Newest first; of all runs, or of these. */
  async events(kinds: readonly EventKind[], runIds?: readonly string[]): Promise<readonly RunEvent[]> {
    const rows = await this.#db
      .selectFrom('events')
      .selectAll()
      .where('kind', 'in', kinds)
      .$if(runIds !== undefined, (query) => query.where('run_id', 'in', runIds!))
      .orderBy('id', 'desc')
      .execute();
    return rows.map((row) => ({ ...row, data: JSON.parse(row.data) as RunEvent['data'] }));
  }

  /**
   * The runs that `name` may mean: `@` the newest, an id, the beginning of one or its last part, or a task id (its newest
   * run).
   */
  async find(name: string): Promise<readonly Run[]> {
    if (name === '@') return this.list(1);
    const exact = await this.#runs().where('runs.id', '=', name).execute();
    if (exact.length > 0) return exact;
    const ofTask = await this.#runs().where('runs.task_id', '=', name).orderBy('runs.id', 'desc').limit(1).execute();
    if (ofTask.length > 0) return ofTask;
    // substr, not LIKE: `_` and `%` in what the user typed must mean themselves.
    return this.#runs()
      .where(({ eb, fn, or, val }) =>
        or([
          eb(fn('substr', ['runs.id', val(1), val(name.length)]), '=', name),
          eb(fn('substr', ['runs.id', val(-name.length - 1)]), '=', `-${name}`),
        ]),
      )
      .orderBy('runs.id', 'desc')
      .execute();
  }

  async task(id: string): Promise<Task | undefined> {
    return this.#db.selectFrom('tasks').selectAll().where('id', '=', id).executeTakeFirst();
  }

  #runs() {
    return this.#db
      .selectFrom('runs')
      .innerJoin('tasks', 'tasks.id', 'runs.task_id')
      .selectAll('runs')
      .select(sql<string>`coalesce(runs.command, tasks.command)`.as('command'));
  }
}

function now(): string {
  return new Date().toISOString();
}

async function insertRun(trx: Transaction<Schema>, run: NewRun, status: RunStatus, at: string): Promise<void> {
  const { id, taskId, command, headBefore, snapshotRef } = run;
  const task = { command, status, updated_at: at, snapshot_stash_ref: snapshotRef };
  await trx
    .insertInto('tasks')
    .values({ id: taskId, created_at: at, ...task })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(task))
    .execute();
  const row = { id, task_id: taskId, command, status, started_at: at, head_before: headBefore };
  await trx
    .insertInto('runs')
    .values({ ...row, snapshot_ref: snapshotRef })
    .execute();
}

async function finishRun(trx: Transaction<Schema>, id: string, end: RunEnd): Promise<void> {
  const at = now();
  const { status, exitCode = null, signal = null, error = null, headAfter = null, forget = false } = end;
  const run = await trx.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  const row = { status, finished_at: at, exit_code: exitCode, signal, error, head_after: headAfter };
  await trx
    .updateTable('runs')
    .set({ ...row, ...(forget ? { snapshot_ref: null } : {}) })
    .where('id', '=', id)
    .execute();
  await trx
    .updateTable('tasks')
    .set({ status, updated_at: at, snapshot_stash_ref: forget ? null : run.snapshot_ref })
    .where('id', '=', run.task_id)
    .execute();
}

async function setSnapshots(trx: Transaction<Schema>, id: string, snapshots: Snapshots): Promise<void> {
  const { snapshotRef, afterRef } = snapshots;
  const run = await trx.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  const values = { snapshot_ref: snapshotRef, after_ref: afterRef };
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
  const row = { at: now(), kind, run_id: runId, data: JSON.stringify(data) };
  await trx.insertInto('events').values(row).execute();
}
