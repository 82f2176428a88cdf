import type { Kysely, Selectable, Transaction } from 'kysely';
import type { EventKind, RunStatus, RunsTable, Schema, TasksTable } from './schema.ts';

export type Run = Selectable<RunsTable>;
export type RunWithCommand = Run & { readonly command: string };
export type Task = Selectable<TasksTable>;

export interface NewRun {
  readonly id: string;
  readonly taskId: string;
  readonly command: string;
  readonly headBefore: string | null;
  readonly snapshotRef: string | null;
}

export interface RunEnd {
  readonly status: Exclude<RunStatus, 'running'>;
  readonly exitCode?: number | null;
  readonly signal?: string | null;
  readonly error?: string | null;
  readonly headAfter?: string | null;
  readonly afterRef?: string | null;
}

/** The history of runs. Every write is one immediate transaction, on disk when its promise resolves. */
export class RunLog {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async start(run: NewRun): Promise<void> {
    const now = new Date().toISOString();
    const task = {
      command: run.command,
      status: 'running' as const,
      updated_at: now,
      snapshot_stash_ref: run.snapshotRef,
    };
    await this.#db.transaction().execute(async (trx) => {
      await trx
        .insertInto('tasks')
        .values({ id: run.taskId, created_at: now, ...task })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(task))
        .execute();
      await trx
        .insertInto('runs')
        .values({
          id: run.id,
          task_id: run.taskId,
          status: 'running',
          started_at: now,
          head_before: run.headBefore,
          snapshot_ref: run.snapshotRef,
        })
        .execute();
    });
  }

  /** Ends a run. Its snapshot stays the task's `snapshot_stash_ref` unless it succeeded. */
  async finish(id: string, end: RunEnd): Promise<void> {
    await this.#db.transaction().execute((trx) => finishRun(trx, id, end));
  }

  /** Forgets a run's snapshot (dropped, or restored and dropped), and says so in the events. */
  async forgetSnapshot(id: string, kind: 'drop' | 'restore' | null, data: object = {}): Promise<void> {
    await this.#db.transaction().execute(async (trx) => {
      const run = await trx.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst();
      await trx.updateTable('runs').set({ snapshot_ref: null, after_ref: null }).where('id', '=', id).execute();
      await trx
        .updateTable('tasks')
        .set({ snapshot_stash_ref: null, updated_at: new Date().toISOString() })
        .where('snapshot_stash_ref', '=', run?.snapshot_ref ?? '')
        .execute();
      if (kind !== null) await insertEvent(trx, kind, id, data);
    });
  }

  /** Marks runs that never ended as crashed; only the holder of the lock may ask, for nobody else can be running. */
  async markCrashed(): Promise<readonly RunWithCommand[]> {
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

  /** Adds a run known only by its snapshot: the database was lost, or `devs` killed before it could write the row. */
  async adopt(
    run: NewRun & { readonly startedAt: string; readonly afterRef: string | null; readonly reason: string },
  ): Promise<void> {
    const { id, taskId, command, headBefore, snapshotRef, startedAt, afterRef, reason } = run;
    const task = { status: 'crashed' as const, updated_at: startedAt, snapshot_stash_ref: snapshotRef };
    await this.#db.transaction().execute(async (trx) => {
      await trx
        .insertInto('tasks')
        .values({ id: taskId, command, created_at: startedAt, ...task })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(task))
        .execute();
      const row = { id, task_id: taskId, status: 'crashed' as const, started_at: startedAt, error: reason };
      await trx
        .insertInto('runs')
        .values({ ...row, head_before: headBefore, snapshot_ref: snapshotRef, after_ref: afterRef })
        .execute();
      await insertEvent(trx, 'crash', id, { adopted: true });
    });
  }

  /** Runs that succeeded and still have a snapshot nobody asked to keep: `devs` was killed before it dropped it. */
  async undropped(): Promise<readonly Run[]> {
    return this.#db
      .selectFrom('runs')
      .selectAll()
      .where('status', '=', 'succeeded')
      .where('snapshot_ref', 'is not', null)
      .where((eb) =>
        eb.not(
          eb.exists(
            eb.selectFrom('events').select('events.id').where('kind', '=', 'keep').whereRef('run_id', '=', 'runs.id'),
          ),
        ),
      )
      .execute();
  }

  async knows(runId: string): Promise<boolean> {
    return (await this.#db.selectFrom('runs').select('id').where('id', '=', runId).executeTakeFirst()) !== undefined;
  }

  async hasRunning(): Promise<boolean> {
    return (await this.#runs().where('runs.status', '=', 'running').limit(1).executeTakeFirst()) !== undefined;
  }

  async event(kind: EventKind, runId: string | null, data: object): Promise<void> {
    await this.#db.transaction().execute((trx) => insertEvent(trx, kind, runId, data));
  }

  /** Newest first. */
  async list(limit: number): Promise<readonly RunWithCommand[]> {
    return this.#runs().orderBy('runs.id', 'desc').limit(limit).execute();
  }

  /** The runs that `name` may mean: `@` the newest, an id or the beginning of one, or a task id (its newest run). */
  async find(name: string): Promise<readonly RunWithCommand[]> {
    if (name === '@') return this.list(1);
    const exact = await this.#runs().where('runs.id', '=', name).execute();
    if (exact.length > 0) return exact;
    const ofTask = await this.#runs().where('runs.task_id', '=', name).orderBy('runs.id', 'desc').limit(1).execute();
    if (ofTask.length > 0) return ofTask;
    // substr, not LIKE: `_` and `%` in what the user typed must mean themselves.
    return this.#runs()
      .where((eb) => eb(eb.fn('substr', ['runs.id', eb.val(1), eb.val(name.length)]), '=', name))
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
      .select('tasks.command');
  }
}

async function finishRun(trx: Transaction<Schema>, id: string, end: RunEnd): Promise<void> {
  const now = new Date().toISOString();
  const run = await trx.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  await trx
    .updateTable('runs')
    .set({
      status: end.status,
      finished_at: now,
      exit_code: end.exitCode ?? null,
      signal: end.signal ?? null,
      error: end.error ?? null,
      head_after: end.headAfter ?? null,
      after_ref: end.afterRef ?? null,
    })
    .where('id', '=', id)
    .execute();
  await trx
    .updateTable('tasks')
    .set({
      status: end.status,
      updated_at: now,
      ...(end.status === 'succeeded' ? { snapshot_stash_ref: null } : { snapshot_stash_ref: run.snapshot_ref }),
    })
    .where('id', '=', run.task_id)
    .execute();
}

async function insertEvent(
  trx: Transaction<Schema>,
  kind: EventKind,
  runId: string | null,
  data: object,
): Promise<void> {
  const row = { at: new Date().toISOString(), kind, run_id: runId, data: JSON.stringify(data) };
  await trx.insertInto('events').values(row).execute();
}
