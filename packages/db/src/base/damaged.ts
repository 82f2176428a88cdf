import fs from 'node:fs';

const MAGIC = Buffer.from('SQLite format 3\0', 'latin1');
/** The files that make up one database. */
const PARTS = ['', '-wal', '-shm'];

/**
 * Whether a file that SQLite cannot read was an SQLite database once: it begins as one, as far as
 * it goes, or with zeros, as a power failure leaves it. Anything else is a file of another program.
 */
export function wasDatabase(file: string): boolean {
  const fd = fs.openSync(file, 'r');
  try {
    const head = Buffer.alloc(MAGIC.length);
    const length = fs.readSync(fd, head, 0, head.length, 0);
    const read = head.subarray(0, length);
    return read.equals(MAGIC.subarray(0, length)) || read.every((byte) => byte === 0);
  } finally {
    fs.closeSync(fd);
  }
}

/** Renames the database's files and returns the new name of the first. Nothing is deleted. */
export function moveAside(file: string): string {
  const suffix = `.damaged-${new Date().toISOString().replace(/[-:.]/g, '')}`;
  for (const part of PARTS) if (isThere(file + part)) fs.renameSync(file + part, file + suffix + part);
  // Under a name that SQLite does not know: a program that opens the moved file must not play it
  // back.
  if (isThere(`${file}-journal`)) fs.renameSync(`${file}-journal`, `${file}${suffix}.rollback`);
  return file + suffix;
}

/** Links are renamed and never followed. */
function isThere(file: string): boolean {
  return fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}
