export { DatabaseError } from './errors.ts';
export { latestMigration, migrateToLatest, migrations } from './migrations.ts';
export {
  DATABASE_FILE,
  type OpenedDatabase,
  type OpenOptions,
  openDatabase,
  type RecoveryWarning,
} from './open-database.ts';
export { type NewRun, type Run, type RunEnd, RunLog, type RunWithCommand, type Task } from './run-log.ts';
export type { EventKind, EventsTable, RunStatus, RunsTable, Schema, TasksTable } from './schema.ts';
