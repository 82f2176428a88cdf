export { checkDatabase, type DatabaseCheck } from './check-database.ts';
export {
  DATABASE_ERROR_CODES,
  DATABASE_WARNING_CODES,
  DatabaseError,
  type DatabaseErrorCode,
  type DatabaseWarningCode,
} from './errors.ts';
export { latestMigration, migrateToLatest, migrations } from './migrations.ts';
export {
  DATABASE_FILE,
  type OpenedDatabase,
  type OpenOptions,
  openDatabase,
  type RecoveryWarning,
  replaceDamaged,
} from './open-database.ts';
export {
  type Changes,
  type FoundRun,
  type NewRun,
  type Run,
  type RunEnd,
  type RunEvent,
  RunLog,
  type Snapshots,
  type Task,
} from './run-log.ts';
export type { EventKind, EventsTable, RunStatus, RunsTable, Schema, TasksTable } from './schema.ts';
