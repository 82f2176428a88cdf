import fs from 'node:fs';
import path from 'node:path';
import { CliError, EXIT_USAGE } from '../base/errors.ts';

/** At the top of the work tree: JSON with comments. */
export const CONFIG_FILE = 'devs.json';

/** Far more than any file of tasks needs: the largest package.json files have a tenth of it. */
const MAX_BYTES = 1_048_576;

const { O_RDONLY, O_NONBLOCK = 0, O_NOCTTY = 0 } = fs.constants;

/**
 * The bytes of `devs.json` or `package.json`; null where there is none. The author of the
 * repository chose what lies there, so it is opened without waiting for a writer, and only a
 * regular file of the repository is read: a link may lead to another place in it, but not out of
 * it.
 * @throws CliError `DEVS_CONFIG_UNREADABLE`
 */
export function readProjectFile(file: string, root: string): Buffer | null {
  let fd: number;
  try {
    fd = fs.openSync(file, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A dangling link stands for a file that should be there.
    if (code === 'ENOENT' && fs.lstatSync(file, { throwIfNoEntry: false }) === undefined) return null;
    throw unreadable(file, String(code));
  }
  try {
    const stat = fs.fstatSync(fd);
    if (!stat.isFile()) throw unreadable(file, 'it is no regular file');
    assertInside(file, root, stat);
    if (stat.size > MAX_BYTES) throw unreadable(file, `it has ${stat.size} bytes, and devs reads up to ${MAX_BYTES}`);
    return readUpTo(fd, MAX_BYTES);
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Whether the file that was opened is the one at the real path, and that lies in the repository.
 */
function assertInside(file: string, root: string, opened: fs.Stats): void {
  const real = fs.realpathSync(file);
  const now = fs.statSync(real, { throwIfNoEntry: false });
  const below = path.relative(fs.realpathSync(root), real);
  const isOutside = below === '..' || below.startsWith(`..${path.sep}`) || path.isAbsolute(below);
  if (isOutside) throw unreadable(file, `it is a link that leads out of the repository, to ${real}`);
  if (now?.ino !== opened.ino || now.dev !== opened.dev) throw unreadable(file, 'it was replaced while it was read');
}

/** A file that grows while it is read is cut. */
function readUpTo(fd: number, limit: number): Buffer {
  const bytes = Buffer.alloc(limit);
  let length = 0;
  for (let read = -1; read !== 0 && length < limit; length += read) {
    read = fs.readSync(fd, bytes, length, limit - length, null);
  }
  return bytes.subarray(0, length);
}

function unreadable(file: string, why: string): CliError {
  return new CliError('DEVS_CONFIG_UNREADABLE', `cannot read ${file}: ${why}`, {
    hint: ['ls', '-l', file],
    exitCode: EXIT_USAGE,
    data: { path: file },
  });
}
