import { AtomicSnapshotError } from './errors.ts';

/** What an error of the system means for the user: code, and what to do. `%s` is the path. */
const MEANINGS: Readonly<Record<string, readonly [code: string, what: string, hint: string]>> = {
  ENOSPC: ['DEVS_DISK_FULL', 'there is no space left for', 'df -h'],
  EDQUOT: ['DEVS_DISK_FULL', 'the disk quota is used up by', 'df -h'],
  EACCES: ['DEVS_NOT_PERMITTED', 'permission denied for', "ls -ld '%s'"],
  EPERM: ['DEVS_NOT_PERMITTED', 'operation not permitted on', "ls -ld '%s'"],
  EROFS: ['DEVS_NOT_PERMITTED', 'the file system is read-only:', 'mount'],
  EIO: ['DEVS_IO_ERROR', 'the disk failed to read or write', 'git fsck --full'],
  EMFILE: ['DEVS_TOO_MANY_FILES', 'too many open files, at', 'ulimit -n'],
  ENFILE: ['DEVS_TOO_MANY_FILES', 'too many open files on this machine, at', 'ulimit -n'],
};

/**
 * Runs `work`; an error of the system becomes an `AtomicSnapshotError` that names the path and the way out. Errors that
 * have a code of ours, and those that nobody expects, pass through as they are.
 */
export async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explain(error);
  }
}

function explain(error: unknown): unknown {
  const { code = '', path, message } = error as NodeJS.ErrnoException;
  const meaning = error instanceof AtomicSnapshotError ? undefined : MEANINGS[code];
  if (meaning === undefined) return error;
  const [ours, what, hint] = meaning;
  const name = path === undefined ? '' : String(path);
  return new AtomicSnapshotError(ours, `${what} ${name === '' ? message : name} (${code})`, {
    hint: hint.replace('%s', name),
    data: { path: name, errno: code },
    cause: error,
  });
}
