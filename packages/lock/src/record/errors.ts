import type { LockData } from './record.ts';

/** Why the lock could not do what was asked. `code` is stable; `hint` says what to do about it. */
export class StateLockError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    message: string,
    options: {
      readonly hint?: string;
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

/** Somebody else holds the lock. `lockData` is the holder's record, `evidence` why it counts as held. */
export class StateLockConflictError extends StateLockError {
  readonly lockData: LockData;
  readonly evidence: string;

  constructor(path: string, lockData: LockData, evidence: string) {
    super('DEVS_LOCK_HELD', `${path} is held by pid ${lockData.pid} for task ${lockData.task_id} (${evidence})`, {
      hint: 'devs status',
      data: { path, lock: lockData, evidence },
    });
    this.name = 'StateLockConflictError';
    this.lockData = lockData;
    this.evidence = evidence;
  }
}
