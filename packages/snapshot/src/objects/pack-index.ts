import fs from 'node:fs';
import { readAt } from '../base/read-at.ts';

const READ_WHOLE_UP_TO = 4 << 20;

/** Looks object names up in a pack's index (version 2) by ranged reads; a large file is never loaded whole. */
export class PackIndex {
  readonly packPath: string;
  readonly #fd: number;
  /** All of a small index, whose names are then found without a read each; null for a large one. */
  readonly #whole: Buffer | null;
  readonly #fanout: Buffer;
  readonly #count: number;

  /** @throws RangeError where the file is not an index of version 2. */
  constructor(idxPath: string) {
    this.packPath = idxPath.replace(/\.idx$/, '.pack');
    this.#fd = fs.openSync(idxPath, 'r');
    const { size } = fs.fstatSync(this.#fd);
    this.#whole = size <= READ_WHOLE_UP_TO ? readAt(this.#fd, 0, size) : null;
    const head = this.#read(0, 8 + 1024);
    if (head.length < 1032 || head.readUInt32BE(0) !== 0xff744f63 || head.readUInt32BE(4) !== 2) {
      fs.closeSync(this.#fd);
      throw new RangeError(`${idxPath} is not a pack index of version 2`);
    }
    this.#fanout = head.subarray(8);
    this.#count = this.#fanout.readUInt32BE(255 * 4);
  }

  /** Offset of the object in the pack, or null. `name`: its 20 bytes. */
  find(name: Buffer): number | null {
    const first = name[0]!;
    const lo = first === 0 ? 0 : this.#fanout.readUInt32BE((first - 1) * 4);
    const hi = this.#fanout.readUInt32BE(first * 4);
    if (lo === hi) return null;
    // One bucket is 1/256 of the names: read it at once and search in memory.
    const names = this.#whole ?? this.#read(1032 + lo * 20, (hi - lo) * 20);
    const start = this.#whole === null ? 0 : 1032 + lo * 20;
    let left = 0;
    let right = hi - lo - 1;
    while (left <= right) {
      const middle = (left + right) >> 1;
      const at = start + middle * 20;
      const order = names.compare(name, 0, 20, at, at + 20);
      if (order === 0) return this.#offset(lo + middle);
      if (order < 0) left = middle + 1;
      else right = middle - 1;
    }
    return null;
  }

  #read(position: number, length: number): Buffer {
    return this.#whole?.subarray(position, position + length) ?? readAt(this.#fd, position, length);
  }

  #offset(position: number): number {
    const tables = 1032 + this.#count * 24;
    const small = this.#read(tables + position * 4, 4).readUInt32BE(0);
    if (small < 0x8000_0000) return small;
    const large = tables + this.#count * 4 + (small - 0x8000_0000) * 8;
    return Number(this.#read(large, 8).readBigUInt64BE(0));
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}
