import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { flushDirectory, removeIfThere, temporaryName, writeNewFile } from '../base/durable.ts';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';

/** A seal is an HMAC-SHA256: 32 bytes. */
export const SEAL_BYTES = 32;

const KEY_BYTES = 32;
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;

/** The keys that this process has read or made, by common git directory. */
const keys = new Map<string, Buffer>();

/**
 * Makes the seal of `bytes`, creating this repository's key where there is none. A seal shows that
 * devs wrote the bytes in this repository: what was fetched, unpacked or forged has none. It does
 * not protect against a program that runs as this user and reads the key.
 * @throws AtomicSnapshotError `DEVS_SEAL_KEY_UNSAFE`
 */
export function sealOf(commonDir: string, bytes: Uint8Array): Buffer {
  const key = readKey(commonDir) ?? createKey(commonDir);
  return createHmac('sha256', key).update(bytes).digest();
}

/**
 * Whether `seal` is the seal of `bytes`. Creates nothing: without a key no seal is right.
 * @throws AtomicSnapshotError `DEVS_SEAL_KEY_UNSAFE`
 */
export function isSealed(commonDir: string, bytes: Uint8Array, seal: Uint8Array): boolean {
  const key = readKey(commonDir);
  if (key === null || seal.length !== SEAL_BYTES) return false;
  return timingSafeEqual(createHmac('sha256', key).update(bytes).digest(), seal);
}

function keyFile(commonDir: string): string {
  return path.join(commonDir, 'devs', 'seal.key');
}

function readKey(commonDir: string): Buffer | null {
  const known = keys.get(commonDir);
  if (known !== undefined) return known;
  const file = keyFile(commonDir);
  let fd: number;
  try {
    fd = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw unsafe(file, codeOf(error) === 'ELOOP' ? 'is a symbolic link' : `cannot be read (${codeOf(error)})`, error);
  }
  try {
    const stat = fs.fstatSync(fd);
    const uid = process.geteuid?.();
    if (!stat.isFile() || stat.nlink !== 1) throw unsafe(file, 'is not a file of its own');
    if (uid !== undefined && stat.uid !== uid && stat.uid !== 0) throw unsafe(file, 'belongs to another user');
    if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0) throw unsafe(file, 'can be read by other users');
    if (stat.size !== KEY_BYTES) throw unsafe(file, `has ${stat.size} bytes instead of ${KEY_BYTES}`);
    const key = Buffer.alloc(KEY_BYTES);
    fs.readSync(fd, key, 0, KEY_BYTES, 0);
    keys.set(commonDir, key);
    return key;
  } finally {
    fs.closeSync(fd);
  }
}

/** Whole or absent: another process that makes the key at the same time either wins, or finds this one. */
function createKey(commonDir: string): Buffer {
  const file = keyFile(commonDir);
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.tmp.${temporaryName()}`;
  writeNewFile(temporary, [randomBytes(KEY_BYTES)], 0o600);
  try {
    fs.linkSync(temporary, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    removeIfThere(temporary);
  }
  flushDirectory(path.dirname(file));
  return readKey(commonDir)!;
}

function unsafe(file: string, what: string, cause?: unknown): AtomicSnapshotError {
  return new AtomicSnapshotError(
    'DEVS_SEAL_KEY_UNSAFE',
    `${file} ${what}, so devs cannot tell its own snapshots from others`,
    { hint: `mv '${file}' '${file}.aside'`, data: { path: file }, cause },
  );
}
