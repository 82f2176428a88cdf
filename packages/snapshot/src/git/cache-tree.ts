/** The index's TREE extension: which directories' trees exist already, and how many entries each covers. */
export interface CacheTree {
  /** -1: the directory changed since its tree was written. */
  readonly entryCount: number;
  readonly oid: string | null;
  readonly children: ReadonlyMap<string, CacheTree>;
}

const SPACE = 0x20;
const NEWLINE = 0x0a;

export function parseCacheTree(bytes: Buffer): CacheTree | null {
  let at = 0;
  const number = (end: number): number => {
    const negative = bytes[at] === 0x2d;
    let value = 0;
    for (at += negative ? 1 : 0; bytes[at] !== end; at++) value = value * 10 + bytes[at]! - 0x30;
    at++;
    return negative ? -value : value;
  };
  const node = (): [name: string, tree: CacheTree] => {
    const nul = bytes.indexOf(0, at);
    const name = bytes.toString('latin1', at, nul);
    at = nul + 1;
    const entryCount = number(SPACE);
    const subtrees = number(NEWLINE);
    let oid: string | null = null;
    if (entryCount >= 0) {
      oid = bytes.toString('hex', at, at + 20);
      at += 20;
    }
    const children = new Map<string, CacheTree>();
    for (let i = subtrees; i > 0; i--) {
      const [childName, child] = node();
      children.set(childName, child);
    }
    return [name, { entryCount, oid, children }];
  };
  return bytes.length === 0 ? null : node()[1];
}
