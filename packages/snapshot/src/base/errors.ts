/** Every code that this package throws; docs/errors.md has the cause and the way out of each. */
export const SNAPSHOT_ERROR_CODES = [
  'DEVS_BARE_REPOSITORY',
  'DEVS_BRANCH_CHECKED_OUT',
  'DEVS_CHANGED_SINCE',
  'DEVS_CONFIG_INVALID',
  'DEVS_DIRECTORY_MISSING',
  'DEVS_DIRECTORY_MOVED',
  'DEVS_DISK_FULL',
  'DEVS_FILE_CHANGED',
  'DEVS_FILE_TOO_LARGE',
  'DEVS_GIT_LOCKED',
  'DEVS_HEAD_MOVED',
  'DEVS_INDEX_INVALID',
  'DEVS_IO_ERROR',
  'DEVS_JOURNAL_FOREIGN',
  'DEVS_JOURNAL_UNKNOWN',
  'DEVS_NAME_TOO_LONG',
  'DEVS_NOT_A_DIRECTORY',
  'DEVS_NOT_A_FILE',
  'DEVS_NOT_A_REPOSITORY',
  'DEVS_NOT_PERMITTED',
  'DEVS_OBJECT_DAMAGED',
  'DEVS_OBJECT_DIRECTORY',
  'DEVS_OBJECT_MISSING',
  'DEVS_OUTSIDE_WORK_TREE',
  'DEVS_PATTERN_FILE_INVALID',
  'DEVS_REFTABLE_REPOSITORY',
  'DEVS_REF_INVALID',
  'DEVS_REF_MOVED',
  'DEVS_REPOSITORY_BUSY',
  'DEVS_REPOSITORY_FORMAT',
  'DEVS_RESTORE_OBSTRUCTED',
  'DEVS_SEAL_KEY_UNSAFE',
  'DEVS_SHA256_REPOSITORY',
  'DEVS_SHARED_INDEX_MISSING',
  'DEVS_SNAPSHOT_FOREIGN',
  'DEVS_SNAPSHOT_INVALID',
  'DEVS_SNAPSHOT_NOT_FOUND',
  'DEVS_TOO_MANY_FILES',
  'DEVS_UNREADABLE',
  'DEVS_UNSAFE_REPOSITORY',
] as const;

export type SnapshotErrorCode = (typeof SNAPSHOT_ERROR_CODES)[number];

/**
 * A command that shows more or is the way out, as its words: the program that prints it quotes them
 * for a shell.
 */
export type Hint = readonly [program: string, ...words: string[]];

/**
 * Why a snapshot could not be taken or restored. `code` is stable; `hint` says what to do about it.
 */
export class AtomicSnapshotError extends Error {
  readonly code: SnapshotErrorCode;
  readonly hint: Hint | undefined;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(
    code: SnapshotErrorCode,
    message: string,
    options: {
      readonly hint?: Hint;
      readonly data?: Readonly<Record<string, unknown>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AtomicSnapshotError';
    this.code = code;
    this.hint = options.hint;
    this.data = options.data ?? {};
  }
}

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
