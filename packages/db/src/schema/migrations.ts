import { type Kysely, type Migration, type MigrationProvider, Migrator, sql } from 'kysely';

// A migration sees the schema of its own time, not today's: hence `any`, as Kysely's documentation
// has it.
// biome-ignore lint/suspicious/noExplicitAny: see above
type AnySchema = any;

const createTasks: Migration = {
  async up(db: Kysely<AnySchema>): Promise<void> {
    await db.schema
      .createTable('tasks')
      .ifNotExists()
      .addColumn('id', 'text', (c) => c.primaryKey().notNull())
      .addColumn('command', 'text', (c) => c.notNull())
      .addColumn('status', 'text', (c) => c.notNull())
      .addColumn('created_at', 'text', (c) => c.notNull())
      .addColumn('updated_at', 'text', (c) => c.notNull())
      .execute();
  },
};

const addSnapshotStashRef: Migration = {
  async up(db: Kysely<AnySchema>): Promise<void> {
    await addColumn(db, 'tasks', 'snapshot_stash_ref', 'text');
  },
};

/** SQLite has no `add column if not exists`. */
async function addColumn(db: Kysely<AnySchema>, table: string, name: string, type: 'text' | 'integer'): Promise<void> {
  const columns = await sql<{ name: string }>`select name from pragma_table_info(${table})`.execute(db);
  if (columns.rows.some((column) => column.name === name)) return;
  await db.schema.alterTable(table).addColumn(name, type).execute();
}

const createRunsAndEvents: Migration = {
  async up(db: Kysely<AnySchema>): Promise<void> {
    await db.schema
      .createTable('runs')
      .ifNotExists()
      .addColumn('id', 'text', (c) => c.primaryKey().notNull())
      .addColumn('task_id', 'text', (c) => c.notNull().references('tasks.id'))
      .addColumn('status', 'text', (c) => c.notNull())
      .addColumn('started_at', 'text', (c) => c.notNull())
      .addColumn('finished_at', 'text')
      .addColumn('exit_code', 'integer')
      .addColumn('signal', 'text')
      .addColumn('error', 'text')
      .addColumn('head_before', 'text')
      .addColumn('head_after', 'text')
      .addColumn('snapshot_ref', 'text')
      .addColumn('after_ref', 'text')
      .execute();
    await db.schema.createIndex('runs_by_task').ifNotExists().on('runs').columns(['task_id', 'id']).execute();
    await db.schema
      .createTable('events')
      .ifNotExists()
      .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
      .addColumn('at', 'text', (c) => c.notNull())
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('run_id', 'text')
      .addColumn('data', 'text', (c) => c.notNull())
      .execute();
  },
};

const addRunDetails: Migration = {
  async up(db: Kysely<AnySchema>): Promise<void> {
    await addColumn(db, 'runs', 'command', 'text');
    for (const count of ['files_changed', 'lines_added', 'lines_deleted'])
      await addColumn(db, 'runs', count, 'integer');
    // Looked at by every command, and nearly always empty.
    await sql`create index if not exists runs_kept on runs (id)
      where snapshot_ref is not null or after_ref is not null`.execute(db);
  },
};

const indexRunning: Migration = {
  async up(db: Kysely<AnySchema>): Promise<void> {
    // Every start asks for these rows, and nearly always there is none.
    await sql`create index if not exists runs_running on runs (id) where status = 'running'`.execute(db);
  },
};

const addSnapshotOids: Migration = {
  async up(db: Kysely<AnySchema>): Promise<void> {
    for (const name of ['snapshot_oid', 'after_oid']) await addColumn(db, 'runs', name, 'text');
  },
};

/** In the order in which they run; names are never changed once released. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001_create_tasks': createTasks,
  '0002_add_snapshot_stash_ref': addSnapshotStashRef,
  '0003_create_runs_and_events': createRunsAndEvents,
  '0004_add_run_details': addRunDetails,
  '0005_index_running': indexRunning,
  '0006_add_snapshot_oids': addSnapshotOids,
};

export const latestMigration: string = Object.keys(migrations).at(-1)!;

const provider: MigrationProvider = {
  getMigrations: async () => ({ ...migrations }),
};

/**
 * Brings the database to the newest schema. Safe to run twice, and beside another process that does
 * the same: all of it is one immediate transaction, since Kysely's migrator takes no lock of its
 * own on SQLite.
 */
export async function migrateToLatest(db: Kysely<AnySchema>): Promise<void> {
  // By hand: the migrator wants a connection of its own, which a transaction of Kysely's does not
  // give.
  await db.connection().execute(async (connection) => {
    await sql`begin immediate`.execute(connection);
    const { error } = await new Migrator({ db: connection, provider }).migrateToLatest();
    if (error === undefined) {
      await sql`commit`.execute(connection);
      return;
    }
    await sql`rollback`.execute(connection);
    throw error;
  });
}
