/** The index's TREE extension: which directories' trees exist already, and how many entries each covers. */
export interface CacheTree {
  /** -1: the directory changed since its tree was written. */
  readonly entryCount: number;
  readonly oid: string | null;
  readonly children: ReadonlyMap<string, CacheTree>;
}

export function parseCacheTree(bytes: Buffer): CacheTree | null {
  let at = 0;
  const node = (): [name: string, tree: CacheTree] => {
    const nul = bytes.indexOf(0, at);
    const name = bytes.toString('latin1', at, nul);
    const newline = bytes.indexOf(10, nul);
    const [entries, subtrees] = bytes.toString('latin1', nul + 1, newline).split(' ');
    at = newline + 1;
    const entryCount = Number(entries);
    let oid: string | null = null;
    if (entryCount >= 0) {
      oid = bytes.toString('hex', at, at + 20);
      at += 20;
    }
    const children = new Map<string, CacheTree>();
    for (let i = Number(subtrees); i > 0; i--) {
      const [childName, child] = node();
      children.set(childName, child);
    }
    return [name, { entryCount, oid, children }];
  };
  return bytes.length === 0 ? null : node()[1];
}
