import fs from 'node:fs';
import { inflateSync, constants as zlib } from 'node:zlib';
import { readAt } from '../base/read-at.ts';
import { asDamage, DamagedBytes } from './damaged-bytes.ts';
import { assertReadable } from './limits.ts';
import { openObjectFile, readObjectFile } from './object-file.ts';
import type { ObjectType, RawObject } from './object-id.ts';

export interface LooseHeader {
  readonly type: ObjectType;
  readonly size: number;
  /** Bytes at the start of the inflated stream that are not content. */
  readonly header: number;
}

/** The longest header is `commit 9007199254740991` and its NUL; git itself allows 32 bytes. */
const MAX_HEADER = 32;
/** So much of a file contains its header: 32 bytes that do not compress, and zlib's own. */
const HEADER_READ = 256;
/** DEFLATE's best ratio, so a small file needs no other bound. */
const MAX_RATIO = 1_032;
const SMALL_FILE = 1 << 14;
/** A file that holds the largest object that is read at once, and what zlib may add to it. */
const MAX_FILE = 513 << 20;

export function loosePath(dir: string, oid: string): string {
  return `${dir}/${oid.slice(0, 2)}/${oid.slice(2)}`;
}

/** The object in `file`; null where there is no such file. @throws DamagedBytes */
export function readLoose(file: string): RawObject | null {
  const bytes = readObjectFile(file, MAX_FILE);
  return bytes === null ? null : parseLoose(bytes);
}

/** @throws DamagedBytes */
export function parseLoose(bytes: Buffer): RawObject {
  // A small file inflates to 16 MiB at most. The header of a larger one is looked at first.
  let bound = bytes.length * MAX_RATIO + 64;
  if (bytes.length > SMALL_FILE) {
    const { type, size, header } = headerOf(inflate(bytes.subarray(0, HEADER_READ), 1 << 20, true));
    assertReadable(type, size);
    bound = header + size + 1;
  }
  const whole = inflate(bytes, bound, false);
  const { type, size, header } = headerOf(whole);
  assertReadable(type, size);
  const body = whole.subarray(header);
  if (body.length !== size) throw new DamagedBytes(`it has ${body.length} bytes instead of ${size}`);
  return { type, body };
}

/** The type and size that a loose object's header says; null where it says none. */
export function looseHeader(file: string): LooseHeader | null {
  try {
    const opened = openObjectFile(file);
    if (opened === null) return null;
    try {
      return headerOf(inflate(readAt(opened.fd, 0, HEADER_READ), 1 << 20, true));
    } finally {
      fs.closeSync(opened.fd);
    }
  } catch (error) {
    if (error instanceof DamagedBytes) return null;
    throw error;
  }
}

function headerOf(inflated: Buffer): LooseHeader {
  const head = inflated.toString('latin1', 0, MAX_HEADER);
  const [text, type, digits] = /^(blob|tree|commit|tag) (0|[1-9]\d{0,15})\0/.exec(head) ?? [];
  const size = Number(digits);
  if (text === undefined || !Number.isSafeInteger(size)) throw new DamagedBytes('it does not begin as an object does');
  return { type: type as ObjectType, size, header: text.length };
}

function inflate(bytes: Buffer, bound: number, isCutShort: boolean): Buffer {
  try {
    const finishFlush = isCutShort ? zlib.Z_SYNC_FLUSH : zlib.Z_FINISH;
    return inflateSync(bytes, { maxOutputLength: bound, finishFlush });
  } catch (error) {
    throw asDamage(error) ?? error;
  }
}
