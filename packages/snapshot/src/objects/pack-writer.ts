import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { removeIfThere, temporaryName, writeAll, writeNewFile } from '../base/durable.ts';
import { codeOf } from '../base/errors.ts';
import { openOrMake, type RealDirectory } from '../base/real-directory.ts';
import { adjustShared, type Sharing } from '../base/sharing.ts';
import type { ObjectPlace } from './loose-writer.ts';
import type { ObjectType } from './object-id.ts';
import { orPruned } from './pruned.ts';

const KINDS: Readonly<Record<ObjectType, number>> = { commit: 1, tree: 2, blob: 3, tag: 4 };

/** What the file `.keep` says beside a pack that a take is writing. */
export const KEPT_BY_DEVS = 'devs\n';

const HEADER_BYTES = 12;
/** So many bytes wait in memory, so that a small pack is written and hashed at once. */
const MAX_TAIL_BYTES = 4 << 20;

/**
 * Writes objects into one new pack. Until `finish` it is a temporary file, which git's own prune
 * would sweep away; then pack and index are whole and durable.
 */
export class PackWriter {
  readonly #dir: RealDirectory;
  readonly #sharing: Sharing;
  /** The temporary file's name. */
  readonly #temporary: string;
  readonly #fd: number;
  readonly #written: { oid: string; offset: number; crc: number }[] = [];
  /** The bytes that are not in the file yet: its end, or all of it. */
  #tail: Buffer[] = [Buffer.alloc(HEADER_BYTES)];
  #tailBytes = HEADER_BYTES;
  #size = HEADER_BYTES;
  #closed = false;
  readonly #path: string;
  /**
   * Whether the pack has a file `.keep` of ours. While it is there, no gc deletes the pack, to
   * whose objects no ref leads yet.
   */
  isKept = false;

  constructor({ dir, sharing }: ObjectPlace) {
    this.#sharing = sharing;
    this.#path = path.join(dir, 'pack');
    this.#temporary = `tmp_pack_devs_${temporaryName()}`;
    // Held open, and reached through no link, so that nothing is written anywhere else.
    this.#dir = openOrMake(this.#path, 0o777, (made) => adjustShared(made, sharing));
    try {
      this.#fd = this.#dir.at(this.#temporary, (file) => fs.openSync(file, 'wx+', 0o444));
    } catch (error) {
      this.#dir[Symbol.dispose]();
      throw error;
    }
  }

  /** Removes the temporary file where `work` fails. */
  #orRemoved<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  add(oid: string, type: ObjectType, body: Uint8Array, level: number): void {
    // Most objects are small, and a compressor for each takes longer than writing it uncompressed.
    const packed = body.length <= STORED_UP_TO ? storedZlib(body) : deflateSync(body, { level });
    const entry = Buffer.concat([entryHeader(KINDS[type], body.length), packed]);
    this.#written.push({ oid, offset: this.#size, crc: crc32(entry) });
    this.#size += entry.length;
    this.#tail.push(entry);
    this.#tailBytes += entry.length;
    if (this.#tailBytes > MAX_TAIL_BYTES) this.#orRemoved(() => this.#writeTail());
  }

  #writeTail(): void {
    writeAll(this.#fd, Buffer.concat(this.#tail));
    this.#tail = [];
    this.#tailBytes = 0;
  }

  /**
   * Returns the path of the pack without its ending. See `isKept` for what has to be removed then.
   */
  finish(): string {
    return this.#orRemoved(() => this.#finish());
  }

  #finish(): string {
    const checksum = this.#tailBytes === this.#size ? this.#writeAtOnce() : this.#writeRest();
    adjustShared(this.#fd, this.#sharing);
    fs.fsyncSync(this.#fd);
    const index = encodePackIndex(this.#written, checksum);
    const name = `pack-${checksum.toString('hex')}`;
    this.#dir.at(name, (base) => this.#moveIntoPlace(base, index));
    this.#dir.flush();
    this.#close();
    return path.join(this.#path, name);
  }

  #moveIntoPlace(base: string, index: Buffer): void {
    const temporary = path.join(path.dirname(base), this.#temporary);
    const temporaryIndex = path.join(path.dirname(base), `tmp_idx_devs_${temporaryName()}`);
    // The index comes last, since git ignores a pack without one.
    try {
      this.isKept = keep(`${base}.keep`);
      writeNewFile(temporaryIndex, [index], { mode: 0o444, sharing: this.#sharing });
      orPruned(this.#path, () => {
        fs.renameSync(temporary, `${base}.pack`);
        fs.renameSync(temporaryIndex, `${base}.idx`);
      });
    } catch (error) {
      removeIfThere(temporaryIndex);
      if (!fs.existsSync(`${base}.idx`)) removeIfThere(`${base}.pack`);
      if (this.isKept) removeIfThere(`${base}.keep`);
      throw error;
    }
  }

  /** Writes a small pack, of which nothing is in the file yet. */
  #writeAtOnce(): Buffer {
    this.#tail[0] = this.#header();
    const whole = Buffer.concat(this.#tail);
    const checksum = createHash('sha1').update(whole).digest();
    writeAll(this.#fd, whole);
    writeAll(this.#fd, checksum);
    return checksum;
  }

  #writeRest(): Buffer {
    this.#writeTail();
    fs.writeSync(this.#fd, this.#header(), 0, HEADER_BYTES, 0);
    const checksum = hashWhole(this.#fd);
    fs.writeSync(this.#fd, checksum, 0, 20, this.#size);
    return checksum;
  }

  #header(): Buffer {
    const header = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1');
    header.writeUInt32BE(this.#written.length, 8);
    return header;
  }

  discard(): void {
    if (!this.#closed) this.#dir.at(this.#temporary, removeIfThere);
    this.#close();
  }

  #close(): void {
    if (!this.#closed) {
      fs.closeSync(this.#fd);
      this.#dir[Symbol.dispose]();
    }
    this.#closed = true;
  }
}

/** False where there is one already: it is another program's, or the user's. */
function keep(file: string): boolean {
  try {
    fs.writeFileSync(file, KEPT_BY_DEVS, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return false;
  }
}

const STORED_UP_TO = 4_096;

/** `body` as a zlib stream of one stored block (RFC 1950, RFC 1951 section 3.2.4). */
function storedZlib(body: Uint8Array): Buffer {
  const size = body.length;
  const stream = Buffer.allocUnsafe(size + 11);
  stream.writeUInt16BE(0x7801, 0);
  stream[2] = 1;
  stream.writeUInt16LE(size, 3);
  stream.writeUInt16LE(~size & 0xffff, 5);
  stream.set(body, 7);
  let a = 1;
  let b = 0;
  // Below 5 552 bytes the sums cannot overflow 32 bits before the division.
  for (let i = 0; i < size; i++) {
    a += body[i]!;
    b += a;
  }
  stream.writeUInt16BE(b % 65_521, size + 7);
  stream.writeUInt16BE(a % 65_521, size + 9);
  return stream;
}

function entryHeader(kind: number, size: number): Buffer {
  const bytes = [(kind << 4) | (size & 15)];
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    bytes[bytes.length - 1]! |= 0x80;
    bytes.push(rest & 0x7f);
  }
  return Buffer.from(bytes);
}

function hashWhole(fd: number): Buffer {
  const hash = createHash('sha1');
  const buffer = Buffer.allocUnsafe(1 << 20);
  for (let at = 0; ; ) {
    const read = fs.readSync(fd, buffer, 0, buffer.length, at);
    if (read === 0) return hash.digest();
    hash.update(buffer.subarray(0, read));
    at += read;
  }
}

function encodePackIndex(written: { oid: string; offset: number; crc: number }[], packChecksum: Buffer): Buffer {
  const sorted = written.toSorted((a, b) => (a.oid < b.oid ? -1 : 1));
  const large = sorted.filter((entry) => entry.offset >= 0x8000_0000);
  const index = Buffer.alloc(8 + 1024 + sorted.length * 28 + large.length * 8 + 40);
  index.writeUInt32BE(0xff744f63, 0);
  index.writeUInt32BE(2, 4);
  const counts = new Uint32Array(256);
  for (const { oid } of sorted) counts[Number.parseInt(oid.slice(0, 2), 16)]!++;
  let total = 0;
  counts.forEach((count, i) => {
    total += count;
    index.writeUInt32BE(total, 8 + i * 4);
  });
  const names = 1032;
  const crcs = names + sorted.length * 20;
  const offsets = crcs + sorted.length * 4;
  const wide = offsets + sorted.length * 4;
  let wides = 0;
  sorted.forEach(({ oid, offset, crc }, i) => {
    index.write(oid, names + i * 20, 'hex');
    index.writeUInt32BE(crc, crcs + i * 4);
    if (offset < 0x8000_0000) index.writeUInt32BE(offset, offsets + i * 4);
    else {
      index.writeUInt32BE(0x8000_0000 + wides, offsets + i * 4);
      index.writeBigUInt64BE(BigInt(offset), wide + wides++ * 8);
    }
  });
  const end = index.length - 40;
  packChecksum.copy(index, end);
  createHash('sha1')
    .update(index.subarray(0, end + 20))
    .digest()
    .copy(index, end + 20);
  return index;
}
