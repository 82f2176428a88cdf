import fs from 'node:fs';
import { inflateSync, type ZlibOptions, constants as zlib } from 'node:zlib';
import { readAt } from '../base/read-at.ts';
import { asDamage, DamagedBytes } from './damaged-bytes.ts';
import { resultSizeOf } from './delta.ts';
import { assertReadable } from './limits.ts';
import { openObjectFile } from './object-file.ts';
import type { ObjectType, RawObject } from './object-id.ts';
import { type EntryHeader, parseEntryHeader } from './pack-entry.ts';

/** An entry of a pack as it is stored. */
export type PackEntry = { readonly kind: 'whole'; readonly object: RawObject } | PackedDelta;

export interface PackedDelta {
  readonly kind: 'delta';
  /** Where its base is: an offset in the same pack, or an object's name. */
  readonly base: number | string;
  /** Unpacks the delta. A chain can have thousands of large ones, too many to hold at once. */
  readonly delta: () => Buffer;
}

/** `PACK`, the version and the number of objects: no entry begins before. */
const HEADER_BYTES = 12;
const CHECKSUM_BYTES = 20;
/**
 * The first read of an entry takes so many bytes: its header (at most 40) and, for most objects,
 * all the rest. They fit into Node's pool of buffers.
 */
const FIRST_READ = 2_000;

/** A small pack is read at once when this many of its objects were asked for. */
const WHOLE_FROM_READS = 8;
const WHOLE_UP_TO = 4 << 20;

/** Reads single entries of a pack (git's Documentation/gitformat-pack.txt), by ranged reads. */
export class PackFile {
  readonly path: string;
  readonly #fd: number;
  /** The whole pack, once that saves reads. */
  #whole: Buffer | undefined;
  #reads = 0;
  readonly #end: number;

  private constructor(path: string, fd: number, end: number) {
    this.path = path;
    this.#fd = fd;
    this.#end = end;
  }

  /** Returns null where there is no such file. @throws DamagedBytes where it is not regular. */
  static open(path: string): PackFile | null {
    const opened = openObjectFile(path);
    return opened === null ? null : new PackFile(path, opened.fd, opened.size - CHECKSUM_BYTES);
  }

  /** Finds the stream of an object that is stored whole; null where it is stored as a delta. */
  whole(offset: number): { readonly type: ObjectType; readonly size: number; readonly start: number } | null {
    const { header } = this.#headerAt(offset);
    const { type, size, length } = header;
    return type === null ? null : { type, size, start: offset + length };
  }

  /** The size of the content of the object at `offset`. @throws DamagedBytes */
  sizeAt(offset: number): number {
    const { head, header } = this.#headerAt(offset);
    if (header.type !== null) return header.size;
    // A delta says it in its second number; two numbers have 14 bytes at most.
    const packed = head.subarray(header.length, header.length + 64);
    return resultSizeOf(inflate(packed, { finishFlush: zlib.Z_SYNC_FLUSH, chunkSize: 64 }));
  }

  /** The type of the object, or where the base is whose type it has. @throws DamagedBytes */
  typeAt(offset: number): { readonly type: ObjectType } | { readonly base: number | string } {
    const { type, base } = this.#headerAt(offset).header;
    return type === null ? { base: this.#baseOf(offset, base!) } : { type };
  }

  /** @throws DamagedBytes */
  entryAt(offset: number): PackEntry {
    const { head, header } = this.#headerAt(offset);
    const { type, base, size } = header;
    if (type !== null) {
      assertReadable(type, size);
      return { kind: 'whole', object: { type, body: this.#inflate(head, offset, header) } };
    }
    assertReadable('blob', size);
    const read = () => this.#inflate(head, offset, header);
    if (size > head.length) return { kind: 'delta', base: this.#baseOf(offset, base!), delta: read };
    // A small one is read now, while its bytes are at hand.
    const delta = read();
    return { kind: 'delta', base: this.#baseOf(offset, base!), delta: () => delta };
  }

  #baseOf(offset: number, base: number | string): number | string {
    return typeof base === 'number' ? offset - base : base;
  }

  #headerAt(offset: number): { readonly head: Buffer; readonly header: EntryHeader } {
    if (!(offset >= HEADER_BYTES && offset < this.#end))
      throw new DamagedBytes(`its place ${offset} is not in the pack`);
    if (++this.#reads === WHOLE_FROM_READS && this.#end <= WHOLE_UP_TO) this.#whole = readAt(this.#fd, 0, this.#end);
    const head = this.#bytes(offset, Math.min(FIRST_READ, this.#end - offset));
    return { head, header: parseEntryHeader(head) };
  }

  /** Unpacks the entry at `offset`, whose first bytes are `head`. */
  #inflate(head: Buffer, offset: number, { size, length }: EntryHeader): Buffer {
    const at = offset + length;
    // zlib never makes more of `size` bytes. Whatever follows the stream is ignored.
    const bound = Math.min(size + Math.floor(size / 512) + 128, this.#end - at);
    const packed = length + bound <= head.length ? head.subarray(length) : this.#bytes(at, bound);
    const body =
      unpackStored(packed, size) ?? inflate(packed, { maxOutputLength: size + 1, chunkSize: chunkFor(size) });
    if (body.length !== size) throw new DamagedBytes(`it has ${body.length} bytes instead of ${size}`);
    return body;
  }

  #bytes(start: number, length: number): Buffer {
    return this.#whole?.subarray(start, start + length) ?? readAt(this.#fd, start, length);
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}

function inflate(packed: Buffer, options: ZlibOptions): Buffer {
  try {
    return inflateSync(packed, options);
  } catch (error) {
    throw asDamage(error) ?? error;
  }
}

/** One chunk of the object's own size, where zlib would set aside 16 KiB. 64 is its minimum. */
function chunkFor(size: number): number {
  return Math.min(Math.max(size + 1, 64), 1 << 16);
}

/** Unpacks a zlib stream of one stored block, as `PackWriter` writes it; null for others. */
function unpackStored(packed: Buffer, size: number): Buffer | null {
  const isOneStoredBlock = packed.length >= size + 7 && packed.readUInt16BE(0) === 0x7801 && packed[2] === 1;
  return isOneStoredBlock && packed.readUInt16LE(3) === size ? packed.subarray(7, size + 7) : null;
}
