/** Why a snapshot could not be taken or restored. `code` is stable; `hint` says what to do about it. */
export class AtomicSnapshotError extends Error {
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
    this.name = 'AtomicSnapshotError';
    this.code = code;
    this.hint = options.hint;
    this.data = options.data ?? {};
  }
}

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
