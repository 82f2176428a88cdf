import fs from 'node:fs';
import { AtomicSnapshotError, codeOf, type SnapshotErrorCode } from './errors.ts';

const { O_RDONLY, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = fs.constants;

export interface RegularFileLimits {
  /** More bytes than this are refused. */
  readonly limit: number;
  /** The code of the error that says so, or that the file is a fifo, a directory or a device. */
  readonly code: SnapshotErrorCode;
  /** A symbolic link counts as no file. */
  readonly noFollow?: boolean;
}

/**
 * Reads a file that another program may have put there; returns null where there is none. Opened
 * without blocking, so that a fifo or a terminal in its place is refused instead of waited for.
 * `/dev/null` is an empty file: it is how files of git's are turned off.
 * @throws AtomicSnapshotError `code`, where it is no regular file or too large; what the system
 * says otherwise.
 */
export function readRegularFile(file: string, { limit, code, noFollow = false }: RegularFileLimits): Buffer | null {
  let fd: number;
  try {
    fd = fs.openSync(file, O_RDONLY | O_NONBLOCK | (noFollow ? O_NOFOLLOW : 0));
  } catch (error) {
    const why = codeOf(error);
    if (why === 'ENOENT' || why === 'ENOTDIR' || (noFollow && why === 'ELOOP')) return null;
    // A socket, or a device without its driver.
    if (why === 'ENXIO') throw unfit(file, code, 'is no regular file');
    throw error;
  }
  try {
    const stat = fs.fstatSync(fd);
    if (!stat.isFile()) {
      if (stat.isCharacterDevice() && stat.rdev === nullDevice()) return Buffer.alloc(0);
      throw unfit(file, code, 'is no regular file');
    }
    if (stat.size > limit) throw unfit(file, code, `has ${stat.size} bytes; devs reads up to ${limit}`);
    const bytes = fs.readFileSync(fd);
    if (bytes.length > limit) throw unfit(file, code, `grew beyond ${limit} bytes`);
    return bytes;
  } finally {
    fs.closeSync(fd);
  }
}

function nullDevice(): number | undefined {
  return fs.statSync('/dev/null', { throwIfNoEntry: false })?.rdev;
}

function unfit(file: string, code: SnapshotErrorCode, what: string): AtomicSnapshotError {
  return new AtomicSnapshotError(code, `${file} ${what}`, { hint: ['ls', '-lL', file], data: { path: file } });
}
