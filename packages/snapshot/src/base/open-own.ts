import fs from 'node:fs';
import process from 'node:process';
import { codeOf } from './errors.ts';

// What was a file a moment ago may be a link or a pipe by now.
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
const OWNER_READ = 0o400;

/**
 * Opens a regular file for reading. One of this user's own that may not be read, such as after
 * `chmod 000`, is made readable for the moment of opening.
 */
export function openOwn(file: string | Buffer): number {
  try {
    return open(file);
  } catch (error) {
    const stat = codeOf(error) === 'EACCES' ? fs.lstatSync(file) : null;
    if (stat === null || !stat.isFile() || stat.uid !== process.geteuid?.()) throw error;
    const mode = stat.mode & 0o7777;
    fs.chmodSync(file, mode | OWNER_READ);
    try {
      return open(file);
    } finally {
      fs.chmodSync(file, mode);
    }
  }
}

function open(file: string | Buffer): number {
  return fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
}
