import { readOptional } from './durable.ts';
import { codeOf } from './errors.ts';

/** Git writes one line there: a path, a ref or an object id. */
const MAX_BYTES = 8192;

const UNREADABLE: ReadonlySet<string> = new Set([
  'DEVS_FILE_TOO_LARGE',
  'EACCES',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOTDIR',
  'EPERM',
]);

/**
 * The text of a short file of another repository or work tree, without the white space around it;
 * null where there is none or it cannot be read, for whatever reason. What others are in is no
 * reason to stop a command in this one.
 */
export function readShortText(file: string | Buffer): string | null {
  if (file.includes('\0')) return null;
  try {
    return readOptional(file, MAX_BYTES)?.toString('utf8').trim() ?? null;
  } catch (error) {
    if (UNREADABLE.has(codeOf(error))) return null;
    throw error;
  }
}
