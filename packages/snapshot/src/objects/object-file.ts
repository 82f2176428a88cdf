import fs from 'node:fs';
import { codeOf } from '../base/errors.ts';
import { readAt } from '../base/read-at.ts';
import { DamagedBytes } from './damaged-bytes.ts';

/** Without O_NONBLOCK, opening a fifo waits for another process. Windows has neither. */
const OPEN_FLAGS = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0);

/**
 * Opens a file of the object store, or returns null where there is none. It follows links, as git
 * does.
 * @throws DamagedBytes where it is a directory, a fifo, a device or a socket.
 */
export function openObjectFile(file: string): { readonly fd: number; readonly size: number } | null {
  let fd: number;
  try {
    fd = fs.openSync(file, OPEN_FLAGS);
  } catch (error) {
    // A list of alternates can hold any name, even one that no file can have.
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(codeOf(error))) return null;
    // A socket, a device without a driver, a link that leads to itself, and a directory on Windows.
    if (['ENXIO', 'ENODEV', 'ELOOP', 'EISDIR'].includes(codeOf(error))) throw irregular(file);
    throw error;
  }
  const stat = fs.fstatSync(fd);
  if (stat.isFile()) return { fd, size: stat.size };
  fs.closeSync(fd);
  throw irregular(file);
}

/** Reads a whole file of at most `max` bytes; null where there is none. @throws DamagedBytes */
export function readObjectFile(file: string, max: number): Buffer | null {
  const opened = openObjectFile(file);
  if (opened === null) return null;
  try {
    if (opened.size > max) throw new DamagedBytes(`${file} has ${opened.size} bytes, more than ${max}`);
    return readAt(opened.fd, 0, opened.size);
  } finally {
    fs.closeSync(opened.fd);
  }
}

function irregular(file: string): DamagedBytes {
  return new DamagedBytes(`${file} is not a regular file`);
}
