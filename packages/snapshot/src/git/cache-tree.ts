import { MAX_TREE_DEPTH } from '../base/path-rules.ts';
import type { CacheTree } from '../objects/trees.ts';

const SPACE = 0x20;
const NEWLINE = 0x0a;
const MINUS = 0x2d;
const ZERO = 0x30;

const NO_CHILDREN: ReadonlyMap<string, CacheTree> = new Map();

/** @throws what `bad` makes, where the bytes end too soon. */
export function parseCacheTree(bytes: Buffer, bad: (what: string) => Error): CacheTree | null {
  if (bytes.length === 0) return null;
  // Slices of two strings, which take a fraction of what as many reads of a buffer do.
  const text = bytes.toString('latin1');
  const hex = bytes.toString('hex');
  let at = 0;
  const damaged = () => bad('has a damaged cache tree');
  const number = (end: number): number => {
    const negative = text.charCodeAt(at) === MINUS;
    let value = 0;
    for (at += negative ? 1 : 0; text.charCodeAt(at) !== end; at++) {
      const digit = text.charCodeAt(at) - ZERO;
      // Also where the text has ended, which gives no number.
      if (!(digit >= 0 && digit <= 9)) throw damaged();
      value = value * 10 + digit;
    }
    at++;
    return negative ? -value : value;
  };
  /** The node whose name was read. */
  const node = (depth: number): CacheTree => {
    if (depth > MAX_TREE_DEPTH) throw damaged();
    const entryCount = number(SPACE);
    const subtrees = number(NEWLINE);
    let oid: string | null = null;
    if (entryCount >= 0) {
      oid = hex.slice(at * 2, at * 2 + 40);
      at += 20;
      if (at > text.length) throw damaged();
    }
    if (subtrees === 0) return { entryCount, oid, children: NO_CHILDREN };
    const children = new Map<string, CacheTree>();
    for (let i = subtrees; i > 0; i--) {
      const name = readName();
      children.set(name, node(depth + 1));
    }
    return { entryCount, oid, children };
  };
  const readName = (): string => {
    const nul = text.indexOf('\0', at);
    if (nul === -1) throw damaged();
    const name = text.slice(at, nul);
    at = nul + 1;
    return name;
  };
  readName();
  return node(0);
}
