import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { openPrivateDirectory, removeIfThere, temporaryName, writeAll } from '../base/durable.ts';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';

/** A seal is an HMAC-SHA256: 32 bytes. */
export const SEAL_BYTES = 32;

const KEY_BYTES = 32;
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;

/**
 * The keys that this process has read or made, newest first, by common git directory. A task may
 * delete the file while its run waits: what was sealed before is still this repository's.
 */
const remembered = new Map<string, readonly Buffer[]>();

/**
 * Makes the seal of `bytes`, and this repository's key where there is none. A seal shows that devs
 * wrote the bytes in this repository: what was fetched, unpacked or forged has none. It does not
 * protect against a program that runs as this user and reads the key.
 * @throws AtomicSnapshotError `DEVS_SEAL_KEY_UNSAFE`
 */
export function sealOf(commonDir: string, bytes: Uint8Array): Buffer {
  for (;;) {
    const key = readKey(commonDir);
    if (key !== null) return macOf(key, bytes);
    createKey(commonDir, remembered.get(commonDir)?.[0] ?? randomBytes(KEY_BYTES));
  }
}

/**
 * Whether `seal` is the seal of `bytes`. Creates nothing: without a key no seal is right.
 * @throws AtomicSnapshotError `DEVS_SEAL_KEY_UNSAFE`
 */
export function isSealed(commonDir: string, bytes: Uint8Array, seal: Uint8Array): boolean {
  if (seal.length !== SEAL_BYTES) return false;
  const isRight = (key: Buffer) => timingSafeEqual(macOf(key, bytes), seal);
  if (remembered.get(commonDir)?.some(isRight) === true) return true;
  // The key may have been made since by another process.
  const key = readKey(commonDir);
  return key !== null && isRight(key);
}

/**
 * Puts the key that this process knows back where a task deleted it: without it every snapshot
 * would be foreign.
 */
export function putSealKeyBack(commonDir: string): void {
  const key = remembered.get(commonDir)?.[0];
  if (key === undefined) return;
  const dir = fs.lstatSync(path.join(commonDir, 'devs'), { throwIfNoEntry: false });
  // What else may lie there is named by the next command that needs the key.
  if (dir?.isDirectory() === false) return;
  const isThere = fs.lstatSync(keyFile(commonDir), { throwIfNoEntry: false }) !== undefined;
  if (!isThere) createKey(commonDir, key);
}

function macOf(key: Buffer, bytes: Uint8Array): Buffer {
  return createHmac('sha256', key).update(bytes).digest();
}

function keyFile(commonDir: string): string {
  return path.join(commonDir, 'devs', 'seal.key');
}

/** Null where there is no key. */
function readKey(commonDir: string): Buffer | null {
  const file = keyFile(commonDir);
  let fd: number;
  try {
    fd = fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw unsafe(file, codeOf(error) === 'ELOOP' ? 'is a symbolic link' : `cannot be read (${codeOf(error)})`, error);
  }
  try {
    assertSafe(file, fd, commonDir);
    const key = Buffer.alloc(KEY_BYTES);
    if (fs.readSync(fd, key, 0, KEY_BYTES, 0) !== KEY_BYTES) throw unsafe(file, 'cannot be read whole');
    const others = (remembered.get(commonDir) ?? []).filter((other) => !other.equals(key));
    remembered.set(commonDir, [key, ...others]);
    return key;
  } finally {
    fs.closeSync(fd);
  }
}

function assertSafe(file: string, fd: number, commonDir: string): void {
  const stat = fs.fstatSync(fd);
  if (!stat.isFile()) throw unsafe(file, 'is no regular file');
  if (!isOwn(stat, commonDir)) throw unsafe(file, 'belongs to another user');
  if (stat.nlink > 1 && !removeLeftLink(file, stat)) throw unsafe(file, 'has more than one name');
  if (stat.size !== KEY_BYTES) throw unsafe(file, `has ${stat.size} bytes instead of ${KEY_BYTES}`);
  // A task that runs chmod over everything opens it to others.
  if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0) fs.fchmodSync(fd, 0o600);
}

/**
 * Root works in other users' repositories (`sudo`), with their keys. Windows has no such numbers.
 */
function isOwn(stat: fs.Stats, commonDir: string): boolean {
  const user = process.geteuid?.();
  return user === undefined || stat.uid === user || (user === 0 && stat.uid === fs.statSync(commonDir).uid);
}

/**
 * Makes the key, whole or not at all: a temporary file is linked to its name, which fails where
 * another process was faster. That one's key is the key then.
 */
function createKey(commonDir: string, key: Buffer): void {
  const file = keyFile(commonDir);
  using dir = openPrivateDirectory(path.dirname(file));
  dir.at(path.basename(file), (target) => {
    const temporary = `${target}.tmp.${temporaryName()}`;
    const fd = fs.openSync(temporary, 'wx', 0o600);
    try {
      writeAll(fd, key);
      const { uid, gid } = fs.statSync(commonDir);
      // The repository's owner must be able to go on with what root began.
      if (process.geteuid?.() === 0 && uid !== 0) fs.fchownSync(fd, uid, gid);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    try {
      fs.linkSync(temporary, target);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') moveWithoutLinks(temporary, target, error);
    } finally {
      removeIfThere(temporary);
    }
  });
  dir.flush();
}

/**
 * Some file systems have no hard links. A rename could replace a key, but only one of the same
 * moment.
 */
function moveWithoutLinks(temporary: string, file: string, error: unknown): void {
  if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error))) throw error;
  if (!fs.existsSync(file)) fs.renameSync(temporary, file);
}

/**
 * A creator that was killed right after the link leaves its temporary name; no other second name is
 * safe.
 */
function removeLeftLink(file: string, { ino, dev }: fs.Stats): boolean {
  const dir = path.dirname(file);
  for (const name of fs.readdirSync(dir)) {
    if (!name.startsWith(`${path.basename(file)}.tmp.`)) continue;
    const stat = fs.lstatSync(path.join(dir, name), { throwIfNoEntry: false });
    if (stat?.ino === ino && stat.dev === dev) removeIfThere(path.join(dir, name));
  }
  return (fs.lstatSync(file, { throwIfNoEntry: false })?.nlink ?? 1) === 1;
}

function unsafe(file: string, what: string, cause?: unknown): AtomicSnapshotError {
  return new AtomicSnapshotError(
    'DEVS_SEAL_KEY_UNSAFE',
    `${file} ${what}, so devs cannot tell its own snapshots from others. Once it is moved away, devs makes a new key, and older snapshots are foreign`,
    { hint: ['mv', file, `${file}.aside`], data: { path: file }, cause },
  );
}
