import fs from 'node:fs';
import { inflateSync, constants as zlib } from 'node:zlib';
import { readAt } from '../base/read-at.ts';
import type { ObjectType } from './object-id.ts';

export interface RawObject {
  readonly type: ObjectType;
  readonly body: Buffer;
}

const TYPES: Readonly<Record<number, ObjectType>> = { 1: 'commit', 2: 'tree', 3: 'blob', 4: 'tag' };
const OFS_DELTA = 6;
const REF_DELTA = 7;
/**
 * What is read of an entry at first: its header (at most 40 bytes) and, of most objects, all the rest. Small enough for
 * Node's pool of buffers.
 */
const FIRST_READ = 2_000;

/** A small pack is read at once when this many of its objects were asked for. */
const WHOLE_FROM_READS = 8;
const WHOLE_UP_TO = 4 << 20;

/** Reads single objects out of a pack (git's Documentation/gitformat-pack.txt), by ranged reads. */
export class PackFile {
  readonly #fd: number;
  /** All of it, where that saves reads. */
  #whole: Buffer | undefined;
  #reads = 0;
  readonly #end: number;
  readonly #findElsewhere: (oid: string) => RawObject | null;

  constructor(path: string, findElsewhere: (oid: string) => RawObject | null) {
    this.#fd = fs.openSync(path, 'r');
    this.#end = fs.fstatSync(this.#fd).size - 20;
    this.#findElsewhere = findElsewhere;
  }

  /** Where the content of an object lies that is stored whole; null where it is stored as a delta. */
  whole(offset: number): { readonly type: ObjectType; readonly size: number; readonly start: number } | null {
    const { kind, size, start } = this.#headerAt(offset);
    const type = TYPES[kind];
    return type === undefined ? null : { type, size, start };
  }

  /** The size of the content of the object at `offset`; null where the entry does not say it. */
  sizeAt(offset: number): number | null {
    const { head, kind, size, start } = this.#headerAt(offset);
    if (TYPES[kind] !== undefined) return size;
    let at = start - offset;
    if (kind === OFS_DELTA) while (head[at++]! & 0x80);
    else if (kind === REF_DELTA) at += 20;
    else return null;
    // A delta begins with the size of its base, then that of its result: two numbers of at most ten bytes each.
    const delta = inflateSync(head.subarray(at, at + 64), { finishFlush: zlib.Z_SYNC_FLUSH, chunkSize: 64 });
    let position = 0;
    const varint = (): number | null => {
      let value = 0;
      for (let scale = 1; position < delta.length; scale *= 128) {
        const byte = delta[position++]!;
        value += (byte & 0x7f) * scale;
        if (!(byte & 0x80)) return value;
      }
      return null;
    };
    return varint() === null ? null : varint();
  }

  /** @throws Error where the bytes are not a valid entry. */
  read(offset: number): RawObject {
    const deltas: Buffer[] = [];
    for (let at = offset; ; ) {
      const entry = this.#entryAt(at);
      if (entry.kind === 'delta') {
        deltas.push(entry.delta);
        if (typeof entry.base === 'number') {
          at = entry.base;
          continue;
        }
        const base = this.#findElsewhere(entry.base);
        if (base === null) throw new Error(`delta base ${entry.base} is missing`);
        return applyAll(base, deltas);
      }
      return applyAll(entry.object, deltas);
    }
  }

  #entryAt(
    offset: number,
  ): { kind: 'whole'; object: RawObject } | { kind: 'delta'; delta: Buffer; base: number | string } {
    const { head, kind, size, start } = this.#headerAt(offset);
    let at = start - offset;
    if (kind === OFS_DELTA) {
      let byte = head[at++]!;
      let distance = byte & 0x7f;
      while (byte & 0x80) {
        byte = head[at++]!;
        distance = (distance + 1) * 128 + (byte & 0x7f);
      }
      return { kind: 'delta', delta: this.#inflate(head, offset, at, size), base: offset - distance };
    }
    if (kind === REF_DELTA) {
      const base = head.toString('hex', at, at + 20);
      return { kind: 'delta', delta: this.#inflate(head, offset, at + 20, size), base };
    }
    const type = TYPES[kind];
    if (type === undefined) throw new Error(`unknown object kind ${kind} at ${offset}`);
    return { kind: 'whole', object: { type, body: this.#inflate(head, offset, at, size) } };
  }

  #headerAt(offset: number): { head: Buffer; kind: number; size: number; start: number } {
    if (++this.#reads === WHOLE_FROM_READS && this.#end <= WHOLE_UP_TO) this.#whole = readAt(this.#fd, 0, this.#end);
    const head = this.#bytes(offset, Math.min(FIRST_READ, this.#end - offset));
    let at = 0;
    let byte = head[at++]!;
    const kind = (byte >> 4) & 7;
    let size = byte & 15;
    for (let scale = 16; byte & 0x80; scale *= 128) {
      byte = head[at++]!;
      size += (byte & 0x7f) * scale;
    }
    return { head, kind, size, start: offset + at };
  }

  /** The `size` bytes whose packed form begins `skip` bytes into the entry at `offset`, of which `head` is the beginning. */
  #inflate(head: Buffer, offset: number, skip: number, size: number): Buffer {
    const at = offset + skip;
    // zlib's own bound on what `size` bytes can take; whatever follows the stream is ignored.
    const bound = Math.min(size + (size >> 9) + 128, this.#end - at);
    const packed = skip + bound <= head.length ? head.subarray(skip) : this.#bytes(at, bound);
    const body =
      unpackStored(packed, size) ?? inflateSync(packed, { maxOutputLength: size + 1, chunkSize: chunkFor(size) });
    if (body.length !== size) throw new Error(`object at ${at} has ${body.length} bytes instead of ${size}`);
    return body;
  }

  #bytes(start: number, length: number): Buffer {
    return this.#whole?.subarray(start, start + length) ?? readAt(this.#fd, start, length);
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}

/** All of a small object at once, instead of the 16 KiB that zlib would set aside for each; 64 is its least. */
function chunkFor(size: number): number {
  return Math.min(Math.max(size + 1, 64), 1 << 16);
}

/** The content of a zlib stream that is one stored block, as `PackWriter` writes small objects; null for others. */
function unpackStored(packed: Buffer, size: number): Buffer | null {
  const isOneStoredBlock = packed.length >= size + 7 && packed.readUInt16BE(0) === 0x7801 && packed[2] === 1;
  return isOneStoredBlock && packed.readUInt16LE(3) === size ? packed.subarray(7, size + 7) : null;
}

function applyAll(base: RawObject, deltas: readonly Buffer[]): RawObject {
  let body = base.body;
  for (let i = deltas.length - 1; i >= 0; i--) body = applyDelta(body, deltas[i]!);
  return { type: base.type, body };
}

function applyDelta(base: Buffer, delta: Buffer): Buffer {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = delta[at++]!;
      value += (byte & 0x7f) * scale;
      if (!(byte & 0x80)) return value;
    }
  };
  if (varint() !== base.length) throw new Error('delta does not fit its base');
  const out = Buffer.allocUnsafe(varint());
  let filled = 0;
  while (at < delta.length) {
    const op = delta[at++]!;
    if (op & 0x80) {
      let offset = 0;
      let size = 0;
      for (let i = 0; i < 4; i++) if (op & (1 << i)) offset += delta[at++]! * 2 ** (8 * i);
      for (let i = 0; i < 3; i++) if (op & (16 << i)) size += delta[at++]! * 2 ** (8 * i);
      if (size === 0) size = 0x10000;
      filled += base.copy(out, filled, offset, offset + size);
    } else {
      filled += delta.copy(out, filled, at, at + op);
      at += op;
    }
  }
  if (filled !== out.length) throw new Error('delta is damaged');
  return out;
}
