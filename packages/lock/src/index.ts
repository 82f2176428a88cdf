export type { DirectoryCheck } from './check-directory.ts';
export { StateLockConflictError, StateLockError } from './errors.ts';
export { HeldStateLock } from './held-state-lock.ts';
export { ownIdentity, type ProcessIdentity } from './process-identity.ts';
export type { LockData } from './record.ts';
export {
  type AcquireOptions,
  DEFAULT_MAX_AGE_MS,
  type LockStatus,
  StateLock,
  type Takeover,
  type TakeoverOptions,
} from './state-lock.ts';
export type { WaitOptions } from './wait.ts';
