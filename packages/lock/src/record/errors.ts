import type { LockData } from './record.ts';

/** Every code that this package throws; docs/errors.md has the cause and the way out of each. */
export const LOCK_ERROR_CODES = [
  'DEVS_DISK_FULL',
  'DEVS_LOCK_HELD',
  'DEVS_LOCK_ID_MISMATCH',
  'DEVS_LOCK_LOST',
  'DEVS_LOCK_NOT_A_LOCK',
  'DEVS_LOCK_NO_DIRECTORY',
  'DEVS_LOCK_UNREADABLE',
  'DEVS_LOCK_UNWRITABLE',
] as const;

export type LockErrorCode = (typeof LOCK_ERROR_CODES)[number];

/**
 * A command that shows more or is the way out, as its words: the program that prints it quotes them
 * for a shell.
 */
type Hint = readonly [program: string, ...words: string[]];

/** Why the lock could not do what was asked. `code` is stable; `hint` says what to do about it. */
export class StateLockError extends Error {
  readonly code: LockErrorCode;
  readonly hint: Hint | undefined;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(
    code: LockErrorCode,
    message: string,
    options: {
      readonly hint?: Hint;
      readonly data?: Readonly<Record<string, unknown>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StateLockError';
    this.code = code;
    this.hint = options.hint;
    this.data = options.data ?? {};
  }
}

/**
 * Another process holds the lock. `lockData` is the holder's record, `evidence` why it counts as
 * held.
 */
export class StateLockConflictError extends StateLockError {
  readonly lockData: LockData;
  readonly evidence: string;

  constructor(path: string, lockData: LockData, evidence: string) {
    super('DEVS_LOCK_HELD', `${path} is held by pid ${lockData.pid} for task ${lockData.task_id} (${evidence})`, {
      hint: ['devs', 'status'],
      data: { path, lock: lockData, evidence },
    });
    this.name = 'StateLockConflictError';
    this.lockData = lockData;
    this.evidence = evidence;
  }
}
