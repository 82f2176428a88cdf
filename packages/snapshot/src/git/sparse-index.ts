import type { BytePath } from '../base/byte-path.ts';
import { MAX_TREE_DEPTH } from '../base/path-rules.ts';
import { type CacheTree, DIRECTORY, type TreeEntry } from '../objects/trees.ts';
import type { IndexEntry } from './index-entry.ts';

/**
 * As much of an entry as is ever looked at: 24 bytes of stat, the mode at 24, the name of the
 * object at 40, flags.
 */
const ENTRY_BYTES = 64;

/** Ten times what the largest known repositories have. */
const MAX_ENTRIES = 5_000_000;

interface Expandable {
  readonly table: Buffer;
  readonly entries: readonly IndexEntry[];
  readonly cacheTree: CacheTree | null;
}

/**
 * A sparse index names whole directories that are not checked out by their tree. Here they become
 * the files they hold, each absent by its skip-worktree bit, so that nothing else has to know.
 */
export function expandSparse(
  { table, entries, cacheTree }: Expandable,
  readTree: (oid: string) => ReadonlyMap<string, TreeEntry>,
  bad: (what: string) => Error,
): Expandable {
  const expanded: IndexEntry[] = [];
  const made: Buffer[] = [];
  const sizes = new Map<BytePath, number>();
  const addTree = (oid: string, prefix: BytePath, depth: number) => {
    if (depth > MAX_TREE_DEPTH) throw bad(`has directories deeper than ${MAX_TREE_DEPTH}`);
    for (const [name, { mode, oid: child }] of readTree(oid)) {
      if (mode === DIRECTORY) {
        addTree(child, `${prefix}${name}/`, depth + 1);
        continue;
      }
      // A handful of small trees can name each other so often that their files are more than any
      // disk holds.
      if (made.length === MAX_ENTRIES) throw bad(`has directories of more than ${MAX_ENTRIES} files`);
      const bytes = Buffer.alloc(ENTRY_BYTES);
      bytes.writeUInt32BE(mode, 24);
      bytes.write(child, 40, 'hex');
      const offset = table.length + made.length * ENTRY_BYTES;
      made.push(bytes);
      expanded.push({ path: prefix + name, mode, stage: 0, skipWorktree: true, intentToAdd: false, offset });
    }
  };
  for (const entry of entries) {
    if (entry.mode !== DIRECTORY) {
      expanded.push(entry);
      continue;
    }
    const before = expanded.length;
    addTree(table.toString('hex', entry.offset + 40, entry.offset + 60), entry.path, 1);
    sizes.set(entry.path.slice(0, -1), expanded.length - before);
  }
  return {
    table: Buffer.concat([table, ...made]),
    entries: expanded,
    cacheTree: cacheTree === null ? null : widen(cacheTree, '', sizes),
  };
}

/** The cache tree counts a sparse directory as one entry. */
function widen(node: CacheTree, dir: BytePath, sizes: ReadonlyMap<BytePath, number>): CacheTree {
  const size = sizes.get(dir);
  if (size !== undefined) return { ...node, entryCount: size, children: new Map() };
  const children = new Map<string, CacheTree>();
  for (const [name, child] of node.children) {
    children.set(name, widen(child, dir === '' ? name : `${dir}/${name}`, sizes));
  }
  if (node.entryCount < 0) return { ...node, children };
  const prefix = dir === '' ? '' : `${dir}/`;
  let entryCount = node.entryCount;
  for (const [path, count] of sizes) if (path.startsWith(prefix)) entryCount += count - 1;
  return { ...node, entryCount, children };
}
