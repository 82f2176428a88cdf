import { type BytePath, byteOrder } from '../base/byte-path.ts';
import { EMPTY_TREE } from './object-id.ts';
import type { ObjectStore } from './object-store.ts';
import type { ObjectWriter } from './object-writer.ts';

/** What a tree says of one name. */
export interface TreeEntry {
  /** Git's mode as a number. */
  readonly mode: number;
  readonly oid: string;
}

/** Which directories' trees exist already, and how many entries each covers (the index's TREE extension). */
export interface CacheTree {
  /** -1: the directory changed since its tree was written. */
  readonly entryCount: number;
  readonly oid: string | null;
  readonly children: ReadonlyMap<string, CacheTree>;
}

export const DIRECTORY = 0o40000;
export const REGULAR = 0o100644;
export const EXECUTABLE = 0o100755;
export const SYMLINK = 0o120000;
export const GITLINK = 0o160000;

export type TreeItem = TreeEntry & { readonly path: BytePath };

export interface TreeSource {
  /** Paths in byte order. */
  readonly paths: readonly BytePath[];
  /** Null leaves the path out. */
  entry(position: number): TreeEntry | null;
  /** The name of the tree of a directory where it is known without looking at its entries. */
  known?(dir: BytePath, cache: CacheTree | null): string | null;
  readonly cacheTree?: CacheTree | null;
  /** Told each directory's tree. */
  onTree?(dir: BytePath, oid: string | null): void;
}

/** Writes the trees that hold the source's paths and returns the top one. Empty directories are left out. */
export function writeTrees(writer: ObjectWriter, source: TreeSource): string {
  const { paths } = source;
  let at = 0;
  const build = (dir: BytePath, cache: CacheTree | null): string | null => {
    const prefix = dir === '' ? '' : `${dir}/`;
    const known = source.known?.(dir, cache) ?? null;
    if (known !== null) {
      at = cache !== null && cache.entryCount > 0 ? at + cache.entryCount : endOf(paths, prefix, at);
      source.onTree?.(dir, known);
      return known;
    }
    const heads: string[] = [];
    const oids: string[] = [];
    let size = 0;
    const add = (name: string, mode: number, oid: string) => {
      const head = `${mode.toString(8)} ${name}\0`;
      heads.push(head);
      oids.push(oid);
      size += head.length + 20;
    };
    while (at < paths.length && paths[at]!.startsWith(prefix)) {
      const path = paths[at]!;
      const slash = path.indexOf('/', prefix.length);
      if (slash === -1) {
        const entry = source.entry(at++);
        if (entry !== null) add(path.slice(prefix.length), entry.mode, entry.oid);
        continue;
      }
      const name = path.slice(prefix.length, slash);
      const oid = build(path.slice(0, slash), cache?.children.get(name) ?? null);
      if (oid !== null) add(name, DIRECTORY, oid);
    }
    const oid = heads.length === 0 ? null : writer.add('tree', encodeTree(heads, oids, size));
    source.onTree?.(dir, oid);
    return oid;
  };
  return build('', source.cacheTree ?? null) ?? writer.add('tree', Buffer.alloc(0));
}

function encodeTree(heads: readonly string[], oids: readonly string[], size: number): Buffer {
  const body = Buffer.allocUnsafe(size);
  let at = 0;
  for (let i = 0; i < heads.length; i++) {
    at += body.write(heads[i]!, at, 'latin1');
    at += body.write(oids[i]!, at, 'hex');
  }
  return body;
}

/** Position after the last path that starts with `prefix`, by binary search. */
function endOf(paths: readonly BytePath[], prefix: BytePath, start: number): number {
  let lo = start;
  let hi = paths.length;
  while (lo < hi) {
    const middle = (lo + hi) >> 1;
    if (paths[middle]!.startsWith(prefix)) lo = middle + 1;
    else hi = middle;
  }
  return lo;
}

export function writeTreeOf(writer: ObjectWriter, items: readonly TreeItem[]): string {
  const sorted = items.toSorted((a, b) => byteOrder(a.path, b.path));
  return writeTrees(writer, { paths: sorted.map((item) => item.path), entry: (position) => sorted[position]! });
}

export function readTree(store: ObjectStore, oid: string): Map<string, TreeEntry> {
  const entries = new Map<string, TreeEntry>();
  if (oid === EMPTY_TREE) return entries;
  const body = store.read(oid, 'tree');
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(32, at);
    const nul = body.indexOf(0, space);
    const mode = Number.parseInt(body.toString('latin1', at, space), 8);
    entries.set(body.toString('latin1', space + 1, nul), { mode, oid: body.toString('hex', nul + 1, nul + 21) });
    at = nul + 21;
  }
  return entries;
}

/** The entry at `path` below the tree `root`, or null. */
export function findInTree(store: ObjectStore, root: string, path: BytePath): TreeEntry | null {
  let entry: TreeEntry = { mode: DIRECTORY, oid: root };
  for (const name of path.split('/')) {
    const next: TreeEntry | undefined = entry.mode === DIRECTORY ? readTree(store, entry.oid).get(name) : undefined;
    if (next === undefined) return null;
    entry = next;
  }
  return entry;
}

export type PathChange = {
  readonly path: BytePath;
  readonly before: TreeEntry | null;
  readonly after: TreeEntry | null;
};

/** The files that differ between two trees. Directories whose trees are equal are not read. */
export function* diffTrees(store: ObjectStore, before: string, after: string, dir = ''): Generator<PathChange> {
  if (before === after) return;
  const left = readTree(store, before);
  const right = readTree(store, after);
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    const path = dir === '' ? name : `${dir}/${name}`;
    const a = left.get(name) ?? null;
    const b = right.get(name) ?? null;
    if (a?.oid === b?.oid && a?.mode === b?.mode) continue;
    const aTree = a?.mode === DIRECTORY;
    const bTree = b?.mode === DIRECTORY;
    if (aTree || bTree) yield* diffTrees(store, aTree ? a.oid : EMPTY_TREE, bTree ? b.oid : EMPTY_TREE, path);
    const fileBefore = aTree ? null : a;
    const fileAfter = bTree ? null : b;
    if (fileBefore !== null || fileAfter !== null) yield { path, before: fileBefore, after: fileAfter };
  }
}
