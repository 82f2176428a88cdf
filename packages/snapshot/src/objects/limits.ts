import { DamagedBytes } from './damaged-bytes.ts';
import type { ObjectType } from './object-id.ts';

/** Objects larger than this are read and written in pieces. */
export const LARGE_BYTES: number = 16 << 20;

/**
 * The largest objects that are read at once. Of blobs it is git's own `core.bigFileThreshold`: git
 * stores no larger file as a delta, so a larger one can be read in pieces. Git has no limit for the
 * others; a directory of a million files has a tree of 40 MiB.
 */
const MAX_BYTES: Readonly<Record<ObjectType, number>> = {
  commit: 32 << 20,
  tag: 32 << 20,
  tree: 64 << 20,
  blob: 512 << 20,
};

/** Git makes no longer chains of deltas: `OE_DEPTH_BITS` in its pack-objects.h. */
export const MAX_DELTA_DEPTH = 4_095;

/**
 * How many bytes the deltas of one object may produce, one after another. Git makes chains of 50 by
 * default and made chains of 250. Of blobs it is enough for 60 deltas of the largest, and of the
 * others for 250 of two million bytes.
 */
const MAX_DELTA_WORK: Readonly<Record<ObjectType, number>> = {
  commit: 512 << 20,
  tag: 512 << 20,
  tree: 512 << 20,
  blob: 32 * 2 ** 30,
};

export function maxDeltaWork(type: ObjectType): number {
  return MAX_DELTA_WORK[type];
}

/** @throws DamagedBytes where an object of this type and size is not read at once. */
export function assertReadable(type: ObjectType, size: number): void {
  if (size <= MAX_BYTES[type]) return;
  throw new DamagedBytes(`a ${type} of ${size} bytes is more than devs reads at once (${MAX_BYTES[type]})`);
}
