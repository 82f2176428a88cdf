import { DamagedBytes } from './damaged-bytes.ts';
import type { ObjectType } from './object-id.ts';

/** How an entry of a pack begins (git's Documentation/gitformat-pack.txt). */
export interface EntryHeader {
  /** Null: the entry is a delta. */
  readonly type: ObjectType | null;
  /** Of the inflated content, or of the inflated delta. */
  readonly size: number;
  /** Where a delta's base is: so many bytes further ahead in the pack, or an object's name. */
  readonly base: number | string | null;
  /** How many bytes the header takes; the zlib stream follows. */
  readonly length: number;
}

const TYPES: Readonly<Record<number, ObjectType>> = { 1: 'commit', 2: 'tree', 3: 'blob', 4: 'tag' };
const OFS_DELTA = 6;
const REF_DELTA = 7;
const OID_BYTES = 20;

/** Parses the bytes at the beginning of an entry. @throws DamagedBytes */
export function parseEntryHeader(head: Buffer): EntryHeader {
  let at = 0;
  let byte = byteAt(head, at++);
  const kind = (byte >> 4) & 7;
  let size = byte & 15;
  for (let scale = 16; byte & 0x80; scale *= 128) {
    if (scale > Number.MAX_SAFE_INTEGER / 256) throw new DamagedBytes('its size has too many digits');
    byte = byteAt(head, at++);
    size += (byte & 0x7f) * scale;
  }
  if (kind === OFS_DELTA) {
    byte = byteAt(head, at++);
    let distance = byte & 0x7f;
    while (byte & 0x80) {
      if (distance > Number.MAX_SAFE_INTEGER / 256) throw new DamagedBytes('its base is too far away');
      byte = byteAt(head, at++);
      distance = (distance + 1) * 128 + (byte & 0x7f);
    }
    if (distance === 0) throw new DamagedBytes('it is a delta of itself');
    return { type: null, size, base: distance, length: at };
  }
  if (kind === REF_DELTA) {
    byteAt(head, at + OID_BYTES - 1);
    return { type: null, size, base: head.toString('hex', at, at + OID_BYTES), length: at + OID_BYTES };
  }
  const type = TYPES[kind];
  if (type === undefined) throw new DamagedBytes(`its kind is ${kind}`);
  return { type, size, base: null, length: at };
}

function byteAt(head: Buffer, at: number): number {
  const byte = head[at];
  if (byte === undefined) throw new DamagedBytes('the pack ends inside it');
  return byte;
}
