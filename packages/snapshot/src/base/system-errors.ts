import { AtomicSnapshotError, type Hint, type SnapshotErrorCode } from './errors.ts';

interface Meaning {
  readonly code: SnapshotErrorCode;
  readonly what: string;
  readonly hint: (path: string) => Hint;
}

const full = (what: string): Meaning => ({ code: 'DEVS_DISK_FULL', what, hint: () => ['df', '-h'] });
const notPermitted = (what: string): Meaning => ({
  code: 'DEVS_NOT_PERMITTED',
  what,
  hint: (path) => ['ls', '-ld', path === '' ? '.' : path],
});
const inTheWay = (code: SnapshotErrorCode, what: string): Meaning => ({
  code,
  what,
  hint: (path) => ['ls', '-ld', path === '' ? '.' : path],
});
const tooManyFiles = (what: string): Meaning => ({ code: 'DEVS_TOO_MANY_FILES', what, hint: () => ['ulimit', '-n'] });

/** What an error of the system means for the user, and what to do about it. */
const MEANINGS: ReadonlyMap<string, Meaning> = new Map([
  ['ENOSPC', full('there is no space left for')],
  ['EDQUOT', full('the disk quota is used up by')],
  ['EACCES', notPermitted('permission denied for')],
  ['EPERM', notPermitted('operation not permitted on')],
  ['EROFS', { code: 'DEVS_NOT_PERMITTED', what: 'the file system is read-only:', hint: () => ['mount'] }],
  ['EIO', { code: 'DEVS_IO_ERROR', what: 'the disk failed to read or write', hint: () => ['git', 'fsck', '--full'] }],
  ['ENOTDIR', inTheWay('DEVS_NOT_A_DIRECTORY', 'a file lies where a directory should be, on the way to')],
  ['EISDIR', inTheWay('DEVS_NOT_A_FILE', 'a directory lies where a file should be:')],
  ['ENOTEMPTY', inTheWay('DEVS_RESTORE_OBSTRUCTED', 'a directory is not as empty as it should be:')],
  ['EBUSY', inTheWay('DEVS_RESTORE_OBSTRUCTED', 'the system uses, perhaps as a mount point,')],
  ['ETXTBSY', inTheWay('DEVS_RESTORE_OBSTRUCTED', 'a program runs from')],
  ['EXDEV', inTheWay('DEVS_RESTORE_OBSTRUCTED', 'another file system holds')],
  ['ENAMETOOLONG', inTheWay('DEVS_NAME_TOO_LONG', 'the file system takes no name as long as')],
  ['ESTALE', { code: 'DEVS_IO_ERROR', what: 'the file server no longer knows', hint: () => ['mount'] }],
  ['ELOOP', inTheWay('DEVS_NOT_A_FILE', 'a symbolic link lies where a file should be:')],
  ['EMFILE', tooManyFiles('too many open files, at')],
  ['ENFILE', tooManyFiles('too many open files on this machine, at')],
]);

/**
 * Runs `work`; an error of the system becomes an `AtomicSnapshotError` that names the path and the
 * way out. Errors that have a code of ours, and unexpected ones, pass through as they are.
 */
export async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explain(error);
  }
}

/** What `explained` throws in place of `error`. */
export function explain(error: unknown): unknown {
  const { code = '', path, message } = error as NodeJS.ErrnoException;
  const meaning = error instanceof AtomicSnapshotError ? undefined : MEANINGS.get(code);
  if (meaning === undefined) return error;
  const name = path === undefined ? '' : String(path);
  return new AtomicSnapshotError(meaning.code, `${meaning.what} ${name === '' ? message : name} (${code})`, {
    hint: meaning.hint(name),
    data: { path: name, errno: code },
    cause: error,
  });
}
