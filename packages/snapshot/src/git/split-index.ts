import { byteOrder } from '../base/byte-path.ts';
import type { IndexEntry } from './index-entry.ts';

/** The `link` extension: an index that only says how it differs from a shared one (git's gitformat-index.txt). */
export interface SplitLink {
  /** Name of the shared index; null where there is none yet. */
  readonly base: string | null;
  /** Positions in the shared index. */
  readonly deleted: ReadonlySet<number>;
  readonly replaced: ReadonlySet<number>;
}

export function parseLink(bytes: Buffer): SplitLink {
  const base = bytes.toString('hex', 0, 20);
  const deleted = readEwah(bytes, 20);
  const replaced = readEwah(bytes, deleted.end);
  return { base: /^0+$/.test(base) ? null : base, deleted: deleted.positions, replaced: replaced.positions };
}

/** The positions of the ones in a bitmap of EWAH runs (git's bitmap-format.txt, Appendix A); none where it is absent. */
function readEwah(bytes: Buffer, start: number): { readonly positions: Set<number>; readonly end: number } {
  const positions = new Set<number>();
  if (start + 8 > bytes.length) return { positions, end: start };
  const words = bytes.readUInt32BE(start + 4);
  const wordAt = (i: number) => bytes.readBigUInt64BE(start + 8 + i * 8);
  let bit = 0;
  for (let i = 0; i < words; ) {
    const run = wordAt(i++);
    const filled = Number((run >> 1n) & 0xffff_ffffn) * 64;
    if (run & 1n) for (let k = 0; k < filled; k++) positions.add(bit + k);
    bit += filled;
    for (let literals = Number(run >> 33n); literals > 0; literals--, bit += 64) {
      const word = wordAt(i++);
      for (let k = 0; k < 64; k++) if ((word >> BigInt(k)) & 1n) positions.add(bit + k);
    }
  }
  return { positions, end: start + 8 + words * 8 + 4 };
}

/** The whole index: `base` with `own` over it. The first of `own` have no name: they replace, in order. */
export function mergeSplit(link: SplitLink, base: readonly IndexEntry[], own: readonly IndexEntry[]): IndexEntry[] {
  const merged = new Map<string, IndexEntry>();
  const put = (entry: IndexEntry) => merged.set(`${entry.path}\0${entry.stage}`, entry);
  let next = 0;
  base.forEach((entry, position) => {
    const current = link.replaced.has(position) ? { ...own[next++]!, path: entry.path } : entry;
    if (!link.deleted.has(position)) put(current);
  });
  for (const entry of own.slice(next)) put(entry);
  return [...merged.values()].sort((a, b) => byteOrder(a.path, b.path) || a.stage - b.stage);
}
