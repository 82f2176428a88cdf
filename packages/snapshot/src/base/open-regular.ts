import fs from 'node:fs';
import { AtomicSnapshotError, codeOf } from './errors.ts';
import { sharedFile } from './shared-links.ts';

const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;

/**
 * What opening says of a name that is no regular file: a link, a socket, a device without a driver.
 */
const NOT_A_FILE: ReadonlySet<string> = new Set(['ELOOP', 'EMLINK', 'ENXIO', 'ENODEV', 'EISDIR', 'EOPNOTSUPP']);

/**
 * Opens a file of the git directory for reading and returns its descriptor, or null where there is
 * none. A command can plant a link, a pipe or a device at any name: the link is not followed, and
 * opening the pipe does not wait for a writer.
 * @throws AtomicSnapshotError `DEVS_NOT_A_FILE` where the name is there and is no regular file.
 */
export function openRegular(file: string | Buffer): number | null {
  try {
    return openChecked(file);
  } catch (error) {
    // A work tree of git-new-workdir, or of Android's repo, shares some of its files by links.
    const shared = codeOf(error) === 'DEVS_NOT_A_FILE' ? sharedFile(file) : null;
    if (shared === null) throw error;
    return openChecked(shared);
  }
}

/** Like `openRegular`, but null for what is not a regular file, too. */
export function openOptional(file: string | Buffer): number | null {
  try {
    return openRegular(file);
  } catch (error) {
    if (codeOf(error) === 'DEVS_NOT_A_FILE') return null;
    throw error;
  }
}

function openChecked(file: string | Buffer): number | null {
  let fd: number;
  try {
    fd = fs.openSync(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
    throw NOT_A_FILE.has(codeOf(error)) ? notAFile(file, error) : error;
  }
  try {
    if (fs.fstatSync(fd).isFile()) return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
  fs.closeSync(fd);
  throw notAFile(file);
}

export function notAFile(file: string | Buffer, cause?: unknown): AtomicSnapshotError {
  const name = String(file);
  return new AtomicSnapshotError('DEVS_NOT_A_FILE', `${name} is not a regular file`, {
    hint: ['ls', '-ld', name],
    data: { path: name },
    cause,
  });
}
