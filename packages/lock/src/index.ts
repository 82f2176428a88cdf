export type { DirectoryCheck } from './lock/check-directory.ts';
export { HeldStateLock } from './lock/held-state-lock.ts';
export {
  type AcquireOptions,
  DEFAULT_MAX_AGE_MS,
  type LockStatus,
  StateLock,
  type Takeover,
  type TakeoverOptions,
} from './lock/state-lock.ts';
export type { WaitOptions } from './protocol/wait.ts';
export { LOCK_ERROR_CODES, type LockErrorCode, StateLockConflictError, StateLockError } from './record/errors.ts';
export { ownIdentity, type ProcessIdentity } from './record/process-identity.ts';
export type { LockData } from './record/record.ts';
