export { AtomicSnapshot, type SnapshotDetails } from './atomic-snapshot.ts';
export type { DiffEntry, DiffOptions } from './diff.ts';
export { AtomicSnapshotError } from './errors.ts';
export type { GitConfig } from './git/config.ts';
export type { MovedRef } from './git/other-refs.ts';
export type { Head } from './git/refs.ts';
export { findRepository, type Place, type Repository } from './git/repository.ts';
export type { SnapshotInfo } from './load-snapshot.ts';
export type { RestoreOptions, RestoreReport } from './restore/restore.ts';
export { newSnapshotId, SNAPSHOT_REFS } from './snapshot-id.ts';
export {
  type Progress,
  prepareTake,
  type SnapshotKind,
  type TakeOptions,
  type TakeReport,
  takeSnapshot,
} from './take.ts';
export type { VerifyProblem, VerifyReport } from './verify.ts';
