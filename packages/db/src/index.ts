export {
  DATABASE_ERROR_CODES,
  DATABASE_WARNING_CODES,
  DatabaseError,
  type DatabaseErrorCode,
  type DatabaseWarningCode,
} from './base/errors.ts';
export type { Run, RunEvent, Task } from './log/records.ts';
export { isId } from './log/rows.ts';
export { type Changes, type FoundRun, type NewRun, type RunEnd, RunLog, type Snapshots } from './log/run-log.ts';
export { checkDatabase, type DatabaseCheck } from './open/check-database.ts';
export { openCopy } from './open/open-copy.ts';
export {
  DATABASE_FILE,
  type OpenedDatabase,
  type OpenOptions,
  openDatabase,
  type RecoveryWarning,
  replaceDamaged,
} from './open/open-database.ts';
export { latestMigration, migrateToLatest, migrations } from './schema/migrations.ts';
export type { EventKind, EventsTable, RunStatus, RunsTable, Schema, TasksTable } from './schema/schema.ts';
