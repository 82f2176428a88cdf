import { codeOf } from '../base/errors.ts';

/**
 * Bytes that are not what git would have written, or more of them than devs accepts. The parsers of
 * this room throw it and nothing else; the object store turns it into `DEVS_OBJECT_DAMAGED`, which
 * names the object.
 */
export class DamagedBytes extends Error {}

/** What zlib says of a stream that is damaged, cut short, or longer than allowed. */
const ZLIB_CODES: ReadonlySet<string> = new Set([
  'Z_DATA_ERROR',
  'Z_BUF_ERROR',
  'Z_NEED_DICT',
  'Z_STREAM_ERROR',
  'ERR_BUFFER_TOO_LARGE',
]);

/** `error` as damage where it is damage or zlib's word for it; null for every other error. */
export function asDamage(error: unknown): DamagedBytes | null {
  if (error instanceof DamagedBytes) return error;
  if (!ZLIB_CODES.has(codeOf(error))) return null;
  return new DamagedBytes((error as Error).message, { cause: error });
}
