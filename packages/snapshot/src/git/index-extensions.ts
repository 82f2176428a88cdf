import type { CacheTree } from '../objects/trees.ts';
import { parseCacheTree } from './cache-tree.ts';
import { parseLink, type SplitLink } from './split-index.ts';

/** What follows the entries of an index, as far as it means something here. */
export interface Extensions {
  readonly cacheTree: CacheTree | null;
  /** Blobs that `git checkout --merge` needs to bring a conflict back. */
  readonly resolveUndo: readonly string[];
  readonly link: SplitLink | null;
  /** Entries may be whole directories. */
  readonly sparse: boolean;
}

/**
 * `bytes`: the index without its checksum. @throws what `bad` makes, where an extension is damaged.
 */
export function readExtensions(bytes: Buffer, start: number, bad: (what: string) => Error): Extensions {
  let cacheTree: CacheTree | null = null;
  let resolveUndo: readonly string[] = [];
  let link: SplitLink | null = null;
  let sparse = false;
  for (let at = start; at + 8 <= bytes.length; ) {
    const name = bytes.toString('latin1', at, at + 4);
    const next = at + 8 + bytes.readUInt32BE(at + 4);
    if (next > bytes.length) throw bad(`ends in the middle of the extension ${JSON.stringify(name)}`);
    const body = bytes.subarray(at + 8, next);
    if (name === 'TREE') cacheTree = parseCacheTree(body, bad);
    else if (name === 'REUC') resolveUndo = readResolveUndo(body, bad);
    else if (name === 'link') link = parseLink(body, bad);
    else if (name === 'sdir') sparse = true;
    // Those that begin with a capital letter may be left alone, and all others must be understood.
    else if (!/^[A-Z]/.test(name)) throw bad(`needs the unknown extension ${JSON.stringify(name)}`);
    at = next;
  }
  return { cacheTree, resolveUndo, link, sparse };
}

/**
 * For each path: its name, three octal modes, each ended by a NUL, and an object name for each mode
 * but 0.
 */
function readResolveUndo(bytes: Buffer, bad: (what: string) => Error): string[] {
  const oids: string[] = [];
  let at = 0;
  /** Moves behind the next NUL, and returns where it is. */
  const skip = (): number => {
    const nul = bytes.indexOf(0, at);
    if (nul === -1) throw bad('has a damaged list of resolved conflicts');
    at = nul + 1;
    return nul;
  };
  while (at < bytes.length) {
    skip();
    let stages = 0;
    for (let i = 0; i < 3; i++) {
      const from = at;
      if (bytes.toString('latin1', from, skip()) !== '0') stages++;
    }
    if (at + stages * 20 > bytes.length) throw bad('has a damaged list of resolved conflicts');
    for (; stages > 0; stages--, at += 20) oids.push(bytes.toString('hex', at, at + 20));
  }
  return oids;
}
