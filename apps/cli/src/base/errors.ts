/** A mistake of the user's, or a refusal. `exitCode` is what the process ends with. */
export class CliError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
  readonly exitCode: number;

  constructor(
    code: string,
    message: string,
    options: {
      readonly hint?: string;
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
  readonly hint?: string;
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
