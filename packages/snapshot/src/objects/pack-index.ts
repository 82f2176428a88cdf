import fs from 'node:fs';
import { readAt } from '../base/read-at.ts';
import { DamagedBytes } from './damaged-bytes.ts';
import { openObjectFile } from './object-file.ts';

const READ_WHOLE_UP_TO = 4 << 20;
const MAGIC = 0xff744f63;
const FANOUT_BYTES = 1_024;
const CHECKSUMS_BYTES = 40;

/** Where the tables of an index lie. */
interface Layout {
  readonly version: 1 | 2;
  readonly fanout: number;
  /** The first name, and from one to the next. */
  readonly names: number;
  readonly stride: number;
}

const VERSION_1: Layout = { version: 1, fanout: 0, names: FANOUT_BYTES + 4, stride: 24 };
const VERSION_2: Layout = { version: 2, fanout: 8, names: 8 + FANOUT_BYTES, stride: 20 };

/**
 * Looks object names up in a pack's index (git's Documentation/gitformat-pack.txt, versions 1 and
 * 2). It reads ranges, so that a large file is never loaded whole.
 */
export class PackIndex {
  readonly packPath: string;
  /** Null where the whole index was read. */
  readonly #fd: number | null;
  /** A small index as a whole, which saves a read for each name; null for a large one. */
  readonly #whole: Buffer | null;
  readonly #size: number;
  readonly #layout: Layout;
  readonly #fanout: Buffer;
  readonly #count: number;

  /** @throws DamagedBytes where the bytes are not an index of version 1 or 2. */
  constructor(
    packPath: string,
    source: { readonly fd: number | null; readonly whole: Buffer | null; readonly size: number },
  ) {
    this.packPath = packPath;
    this.#fd = source.fd;
    this.#whole = source.whole;
    this.#size = source.size;
    const head = this.#read(0, 8 + FANOUT_BYTES);
    if (head.length < 8 + FANOUT_BYTES) throw new DamagedBytes('the pack index is too short');
    this.#layout = layoutOf(head);
    this.#fanout = head.subarray(this.#layout.fanout, this.#layout.fanout + FANOUT_BYTES);
    this.#count = countOf(this.#fanout);
    this.#assertSize();
  }

  /** Null where there is no such file. @throws DamagedBytes */
  static open(idxPath: string): PackIndex | null {
    const opened = openObjectFile(idxPath);
    if (opened === null) return null;
    const { fd, size } = opened;
    const packPath = idxPath.replace(/\.idx$/, '.pack');
    let index: PackIndex | undefined;
    try {
      const whole = size <= READ_WHOLE_UP_TO ? readAt(fd, 0, size) : null;
      index = new PackIndex(packPath, { fd: whole === null ? fd : null, whole, size: whole?.length ?? size });
      return index;
    } finally {
      if (index?.needsFile !== true) fs.closeSync(fd);
    }
  }

  get needsFile(): boolean {
    return this.#fd !== null;
  }

  /** Git's own test: the tables must be there, and there are fewer wide offsets than objects. */
  #assertSize(): void {
    const { version, fanout } = this.#layout;
    const before = fanout + FANOUT_BYTES + CHECKSUMS_BYTES;
    const least = before + this.#count * (version === 1 ? 24 : 28);
    const most = least + (version === 1 ? 0 : Math.max(0, this.#count - 1) * 8);
    if (this.#size < least || this.#size > most) throw new DamagedBytes('the pack index has the wrong size');
  }

  /** Finds the offset of an object in the pack. `name` is its 20 bytes. @throws DamagedBytes */
  find(name: Buffer): number | null {
    const first = name[0]!;
    const lo = first === 0 ? 0 : this.#fanout.readUInt32BE((first - 1) * 4);
    const hi = this.#fanout.readUInt32BE(first * 4);
    if (lo === hi) return null;
    // One bucket is 1/256 of the names: it is read at once and searched in memory.
    const { names, stride } = this.#layout;
    const bucket = this.#whole ?? this.#read(names + lo * stride, (hi - lo) * stride);
    const start = this.#whole === null ? 0 : names + lo * stride;
    if (bucket.length < start + (hi - lo) * stride - (stride - 20))
      throw new DamagedBytes('the pack index became shorter');
    let left = 0;
    let right = hi - lo - 1;
    while (left <= right) {
      const middle = (left + right) >> 1;
      const at = start + middle * stride;
      const order = bucket.compare(name, 0, 20, at, at + 20);
      if (order === 0) return this.#offset(lo + middle);
      if (order < 0) left = middle + 1;
      else right = middle - 1;
    }
    return null;
  }

  #offset(position: number): number {
    if (this.#layout.version === 1) return this.#uint32(FANOUT_BYTES + position * 24);
    const tables = 8 + FANOUT_BYTES + this.#count * 24;
    const small = this.#uint32(tables + position * 4);
    if (small < 0x8000_0000) return small;
    const wide = tables + this.#count * 4 + (small - 0x8000_0000) * 8;
    if (wide + 8 > this.#size - CHECKSUMS_BYTES) throw new DamagedBytes('the pack index names no offset');
    return this.#uint32(wide) * 2 ** 32 + this.#uint32(wide + 4);
  }

  #uint32(position: number): number {
    const bytes = this.#read(position, 4);
    if (bytes.length < 4) throw new DamagedBytes('the pack index became shorter');
    return bytes.readUInt32BE(0);
  }

  #read(position: number, length: number): Buffer {
    return this.#whole?.subarray(position, position + length) ?? readAt(this.#fd!, position, length);
  }

  close(): void {
    if (this.#fd !== null) fs.closeSync(this.#fd);
  }
}

function layoutOf(head: Buffer): Layout {
  if (head.readUInt32BE(0) !== MAGIC) return VERSION_1;
  if (head.readUInt32BE(4) === 2) return VERSION_2;
  throw new DamagedBytes('the pack index is of another version');
}

/** The last number of the table is the number of objects. None may be less than the one before. */
function countOf(fanout: Buffer): number {
  let count = 0;
  for (let at = 0; at < FANOUT_BYTES; at += 4) {
    const next = fanout.readUInt32BE(at);
    if (next < count) throw new DamagedBytes('the pack index has a damaged table');
    count = next;
  }
  return count;
}
