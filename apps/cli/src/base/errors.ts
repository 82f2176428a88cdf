/** Every code of the command line's own; docs/errors.md has the cause and the way out of each. */
export const CLI_ERROR_CODES = [
  'DEVS_COMMAND_NOT_EXECUTABLE',
  'DEVS_COMMAND_NOT_FOUND',
  'DEVS_CONFIG_INVALID',
  'DEVS_CONFIG_UNREADABLE',
  'DEVS_DURATION',
  'DEVS_INTERNAL',
  'DEVS_LOCK_ORPHANS',
  'DEVS_NESTED_RUN',
  'DEVS_NOTHING_TO_UNDO',
  'DEVS_PATH_OUTSIDE',
  'DEVS_PATH_UNKNOWN',
  'DEVS_RUN_AMBIGUOUS',
  'DEVS_RUN_UNKNOWN',
  'DEVS_RUN_WITHOUT_SNAPSHOT',
  'DEVS_TASK_ID',
  'DEVS_TASK_UNKNOWN',
  'DEVS_USAGE',
] as const;

export type CliErrorCode = (typeof CLI_ERROR_CODES)[number];

/**
 * A command that shows more or is the way out, as its words. Only `quoteArgv` makes a line for a
 * shell of it.
 */
export type Hint = readonly [program: string, ...words: string[]];

/** A mistake of the user's, or a refusal. `exitCode` is what the process ends with. */
export class CliError extends Error {
  readonly code: CliErrorCode;
  readonly hint: Hint | undefined;
  readonly data: Readonly<Record<string, unknown>>;
  readonly exitCode: number;

  constructor(
    code: CliErrorCode,
    message: string,
    options: {
      readonly hint?: Hint;
      readonly data?: Readonly<Record<string, unknown>>;
      readonly exitCode?: number;
    } = {},
  ) {
    super(message);
    this.name = 'CliError';
    this.code = code;
    this.hint = options.hint;
    this.data = options.data ?? {};
    this.exitCode = options.exitCode ?? EXIT_DEVS;
  }
}

export const EXIT_HELD = 1;
export const EXIT_USAGE = 2;
export const EXIT_TIMEOUT = 124;
/** `devs` itself failed: the child did not run, or what it did was not undone. */
export const EXIT_DEVS = 125;
export const EXIT_NOT_EXECUTABLE = 126;
export const EXIT_NOT_FOUND = 127;

/** What the errors of all packages share. */
export interface CodedError extends Error {
  readonly code: string;
  readonly hint?: Hint;
  readonly data?: Readonly<Record<string, unknown>>;
}

export function isCoded(error: unknown): error is CodedError {
  return (
    error instanceof Error &&
    typeof (error as { code?: unknown }).code === 'string' &&
    (error as CodedError).code.startsWith('DEVS_')
  );
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return error.exitCode;
  return isCoded(error) && error.code === 'DEVS_LOCK_HELD' ? EXIT_HELD : EXIT_DEVS;
}
