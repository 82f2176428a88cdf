import fs from 'node:fs';
import { readAt } from '../base/read-at.ts';
import type { IndexEntry } from '../git/index-entry.ts';
import type { GitIndex } from '../git/index-file.ts';
import { SEAL_BYTES } from '../git/seal.ts';

/**
 * Git compares a file with its blob after conversion (line ends, filters, encodings), and records
 * the result as the file's stat in the index. So a matching stat proves that the file did not
 * change, and says nothing of its bytes: the blob may have LF where the file has CRLF, whatever the
 * attributes say today. This class remembers for which index entries the file's bytes were proven
 * to be the blob's bytes, so that each of them has to be looked at once.
 *
 * The file, `devs/proven-bytes` in the git directory: a head (MAGIC, count, checksum of the index,
 * one bit an entry), the head's seal, then the fingerprints of the proven entries and their seal.
 * The fingerprints serve when the index changed. A wrong seal means that nothing is proven.
 */
export class ByteProofs {
  readonly #index: Pick<GitIndex, 'bytes' | 'table'>;
  readonly #entries: readonly IndexEntry[];
  readonly #proven: Uint8Array;
  #isNew = false;

  private constructor(index: GitIndex, entries: readonly IndexEntry[], proven: Uint8Array | null) {
    this.#index = index;
    this.#entries = entries;
    this.#proven = proven ?? new Uint8Array(entries.length);
    this.#isNew = proven === null;
  }

  /** The proofs that hold for `index`, whose entries by path are `entries`. */
  static load(file: ProofFile, index: GitIndex, entries: readonly IndexEntry[]): ByteProofs {
    const fd = file.open();
    if (fd === null) return new ByteProofs(index, entries, null);
    try {
      const head = readHead(fd, file.isSealed);
      if (head === null) return new ByteProofs(index, entries, null);
      const isSame = head.checksum.equals(checksumOf(index)) && head.count === entries.length && !isZero(head.checksum);
      if (isSame) return new ByteProofs(index, entries, unpackBits(head.bits, head.count));
      const proofs = new ByteProofs(index, entries, null);
      const known = readFingerprints(fd, head, file.isSealed);
      if (known !== null) proofs.#addKnown(known);
      return proofs;
    } finally {
      fs.closeSync(fd);
    }
  }

  isProven(position: number): boolean {
    return this.#proven[position] === 1;
  }

  /**
   * Remembers that the file of the entry at `position`, whose stat is the index's, has the blob's
   * bytes.
   */
  add(position: number): void {
    if (this.#proven[position] === 1) return;
    this.#proven[position] = 1;
    this.#isNew = true;
  }

  /** What the next take reads; null where it would read the same as this one. */
  encode(seal: (bytes: Buffer) => Buffer): Buffer | null {
    if (!this.#isNew || this.#entries.length === 0) return null;
    const head = encodeHead(this.#proven, checksumOf(this.#index));
    const prints: Buffer[] = [];
    for (const [position, entry] of this.#entries.entries()) {
      if (this.#proven[position] === 1) prints.push(fingerprintOf(this.#index.table, entry));
    }
    const table = Buffer.concat(prints);
    const headSeal = seal(head);
    return Buffer.concat([head, headSeal, table, seal(Buffer.concat([headSeal, table]))]);
  }

  #addKnown(prints: Buffer): void {
    const known = new FingerprintSet(prints);
    for (const [position, entry] of this.#entries.entries()) {
      if (entry.offset + ENTRY_BYTES <= this.#index.table.length && known.has(this.#index.table, entry.offset)) {
        this.#proven[position] = 1;
      }
    }
  }
}

type IsSealed = (bytes: Buffer, seal: Buffer) => boolean;

/** Where the proofs are, opened safely by the caller; null where there are none. */
export interface ProofFile {
  readonly open: () => number | null;
  readonly isSealed: IsSealed;
}

const MAGIC = Buffer.from('DVPROOF1', 'latin1');
const CHECKSUM_BYTES = 20;
const FIXED_BYTES = MAGIC.length + 4 + CHECKSUM_BYTES;
/** An index of more entries than this is not remembered. */
const MAX_ENTRIES = 4_000_000;
/** Of an index entry: the part that all versions share, up to its flags. */
const ENTRY_BYTES = 60;
/**
 * Both times, inode, size, and as much of the blob's name as makes a collision impossible by
 * chance.
 */
const PRINT_BYTES = 40;

/** The index's own last bytes; zero where git was told not to compute them (index.skipHash). */
function checksumOf({ bytes }: Pick<GitIndex, 'bytes'>): Buffer {
  return bytes === null ? Buffer.alloc(CHECKSUM_BYTES) : bytes.subarray(bytes.length - CHECKSUM_BYTES);
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

interface Head {
  readonly count: number;
  readonly checksum: Buffer;
  readonly bits: Buffer;
  readonly seal: Buffer;
  /** Where the fingerprints begin. */
  readonly end: number;
}

function encodeHead(proven: Uint8Array, checksum: Buffer): Buffer {
  const head = Buffer.alloc(FIXED_BYTES + Math.ceil(proven.length / 8));
  MAGIC.copy(head);
  head.writeUInt32BE(proven.length, MAGIC.length);
  checksum.copy(head, MAGIC.length + 4);
  for (let i = 0; i < proven.length; i++) if (proven[i] === 1) head[FIXED_BYTES + (i >> 3)]! |= 1 << (i & 7);
  return head;
}

/** Null where the file is not one of ours, or was changed by another program. */
function readHead(fd: number, isSealed: IsSealed): Head | null {
  const fixed = readAt(fd, 0, FIXED_BYTES);
  if (fixed.length < FIXED_BYTES || !fixed.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  const count = fixed.readUInt32BE(MAGIC.length);
  if (count > MAX_ENTRIES) return null;
  const size = FIXED_BYTES + Math.ceil(count / 8);
  const bytes = readAt(fd, 0, size + SEAL_BYTES);
  if (bytes.length < size + SEAL_BYTES) return null;
  const found = bytes.subarray(size);
  if (!isSealed(bytes.subarray(0, size), found)) return null;
  const checksum = bytes.subarray(MAGIC.length + 4, FIXED_BYTES);
  return { count, checksum, bits: bytes.subarray(FIXED_BYTES, size), seal: found, end: size + SEAL_BYTES };
}

function readFingerprints(fd: number, head: Head, isSealed: IsSealed): Buffer | null {
  const length = fs.fstatSync(fd).size - head.end - SEAL_BYTES;
  if (length < 0 || length > head.count * PRINT_BYTES || length % PRINT_BYTES !== 0) return null;
  const bytes = readAt(fd, head.end, length + SEAL_BYTES);
  const table = bytes.subarray(0, length);
  return isSealed(Buffer.concat([head.seal, table]), bytes.subarray(length)) ? table : null;
}

function unpackBits(bits: Buffer, count: number): Uint8Array {
  const proven = new Uint8Array(count);
  for (let i = 0; i < count; i++) proven[i] = (bits[i >> 3]! >> (i & 7)) & 1;
  return proven;
}

/** ctime and mtime (16 bytes), inode (4), size and blob (20 of 24). */
function fingerprintOf(table: Buffer, { offset }: IndexEntry): Buffer {
  const print = Buffer.allocUnsafe(PRINT_BYTES);
  table.copy(print, 0, offset, offset + 16);
  table.copy(print, 16, offset + 20, offset + 24);
  table.copy(print, 20, offset + 36, offset + 56);
  return print;
}

/** Fingerprints, found by hash: an open-addressed table is filled in a fraction of a Map's time. */
class FingerprintSet {
  readonly #prints: Buffer;
  readonly #slots: Int32Array;
  readonly #mask: number;

  constructor(prints: Buffer) {
    this.#prints = prints;
    const count = prints.length / PRINT_BYTES;
    let size = 16;
    while (size < count * 2) size *= 2;
    this.#mask = size - 1;
    this.#slots = new Int32Array(size);
    for (let i = 0; i < count; i++) {
      // The blob's name begins after the size.
      let slot = prints.readUInt32LE(i * PRINT_BYTES + 24) & this.#mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = i + 1;
    }
  }

  /** Whether the index entry at `offset` of `table` has one of the fingerprints. */
  has(table: Buffer, offset: number): boolean {
    let slot = table.readUInt32LE(offset + 40) & this.#mask;
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & this.#mask) {
      const at = (this.#slots[slot]! - 1) * PRINT_BYTES;
      if (
        table.compare(this.#prints, at, at + 16, offset, offset + 16) === 0 &&
        table.compare(this.#prints, at + 16, at + 20, offset + 20, offset + 24) === 0 &&
        table.compare(this.#prints, at + 20, at + 40, offset + 36, offset + 56) === 0
      ) {
        return true;
      }
    }
    return false;
  }
}
