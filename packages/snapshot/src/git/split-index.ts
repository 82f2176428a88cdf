import { type BytePath, byteOrder } from '../base/byte-path.ts';
import type { IndexEntry } from './index-entry.ts';

/**
 * The `link` extension: an index that only says how it differs from a shared one (git's
 * gitformat-index.txt).
 */
export interface SplitLink {
  /** Name of the shared index; null where there is none yet. */
  readonly base: string | null;
  /**
   * Two bitmaps of positions in the shared index: of those that are deleted, then of those that are
   * replaced.
   */
  readonly bitmaps: Buffer;
}

export function parseLink(bytes: Buffer, bad: (what: string) => Error): SplitLink {
  if (bytes.length < 20) throw bad('has a damaged link to its shared index');
  const base = bytes.toString('hex', 0, 20);
  return { base: /^0+$/.test(base) ? null : base, bitmaps: bytes.subarray(20) };
}

/**
 * The positions of the ones in a bitmap of EWAH runs (git's bitmap-format.txt, Appendix A); none
 * where it is absent. A run of a few bytes may say that it has millions of millions of ones, so
 * `count`, the number of positions, bounds it.
 */
function readEwah(
  bytes: Buffer,
  count: number,
  bad: () => Error,
): { readonly positions: ReadonlySet<number>; readonly rest: Buffer } {
  const positions = new Set<number>();
  if (bytes.length === 0) return { positions, rest: bytes };
  if (bytes.length < 12) throw bad();
  const words = bytes.readUInt32BE(4);
  const end = 8 + words * 8 + 4;
  if (end > bytes.length) throw bad();
  const add = (position: number) => {
    if (position >= count) throw bad();
    positions.add(position);
  };
  let bit = 0;
  for (let i = 0; i < words; ) {
    const run = bytes.readBigUInt64BE(8 + i++ * 8);
    const filled = Number((run >> 1n) & 0xffff_ffffn) * 64;
    const literals = Number(run >> 33n);
    if (literals > words - i) throw bad();
    if (run & 1n) for (let k = 0; k < filled; k++) add(bit + k);
    bit += filled;
    for (let k = 0; k < literals; k++, bit += 64) {
      const word = bytes.readBigUInt64BE(8 + i++ * 8);
      for (let b = 0; b < 64; b++) if ((word >> BigInt(b)) & 1n) add(bit + b);
    }
  }
  return { positions, rest: bytes.subarray(end) };
}

/** What the part that is not shared holds. */
interface OwnPart {
  readonly own: readonly IndexEntry[];
  readonly bad: (what: string) => Error;
}

/**
 * The whole index: `base` with `own` over it. The first of `own` have no name: they replace, in
 * order.
 * @throws what `bad` makes, where git would refuse (split-index.c).
 */
export function mergeSplit(link: SplitLink, base: readonly IndexEntry[], { own, bad }: OwnPart): IndexEntry[] {
  const damaged = () => bad('does not fit its shared index');
  const deleted = readEwah(link.bitmaps, base.length, damaged);
  const replaced = readEwah(deleted.rest, base.length, damaged).positions;
  const merged = new Map<BytePath, IndexEntry>();
  const put = (entry: IndexEntry) => merged.set(`${entry.path}\0${entry.stage}`, entry);
  let next = 0;
  base.forEach((entry, position) => {
    let current = entry;
    if (replaced.has(position)) {
      const replacement = own[next++];
      if (replacement === undefined || replacement.path !== '') throw damaged();
      current = { ...replacement, path: entry.path };
    }
    if (!deleted.positions.has(position)) put(current);
  });
  for (const entry of own.slice(next)) {
    if (entry.path === '') throw damaged();
    put(entry);
  }
  return [...merged.values()].sort((a, b) => byteOrder(a.path, b.path) || a.stage - b.stage);
}
