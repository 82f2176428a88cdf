import { type BytePath, byteOrder, toText } from '../base/byte-path.ts';
import { AtomicSnapshotError } from '../base/errors.ts';
import { MAX_TREE_DEPTH, nameProblem } from '../base/path-rules.ts';
import { EMPTY_TREE } from './object-id.ts';
import type { ObjectStore } from './object-store.ts';
import type { ObjectWriter } from './object-writer.ts';

/** What a tree says of one name. */
export interface TreeEntry {
  /** Git's mode as a number. */
  readonly mode: number;
  readonly oid: string;
}

/** The index's TREE extension: which directories' trees exist, and how many entries each covers. */
export interface CacheTree {
  /** -1 where the directory changed since its tree was written. */
  readonly entryCount: number;
  readonly oid: string | null;
  readonly children: ReadonlyMap<string, CacheTree>;
}

export const DIRECTORY = 0o40000;
export const REGULAR = 0o100644;
export const EXECUTABLE = 0o100755;
export const SYMLINK = 0o120000;
export const GITLINK = 0o160000;

/** The modes that git writes, and 0o100664, which it wrote in its first months and still reads. */
const MODES: ReadonlySet<number> = new Set([DIRECTORY, REGULAR, 0o100664, EXECUTABLE, SYMLINK, GITLINK]);
/** Some old trees write the mode of a directory with a zero before it. */
const MODE_DIGITS = 7;
const OCTAL = /^[0-7]+$/;

export type TreeItem = TreeEntry & { readonly path: BytePath };

export interface TreeSource {
  /** Paths in byte order. */
  readonly paths: readonly BytePath[];
  /** What the tree says of the path at this position; null leaves the path out. */
  entry(position: number): TreeEntry | null;
  /**
   * The tree of a directory where it is known without its entries, else null. `cache` is what the
   * cache tree says of it; null where that is not of the entries at hand.
   */
  known?(dir: BytePath, cache: CacheTree | null): string | null;
  readonly cacheTree?: CacheTree | null;
  /** Called with the tree of each directory. */
  onTree?(dir: BytePath, oid: string | null): void;
}

/** Writes the trees of the source's paths and returns the top one. It skips empty directories. */
export function writeTrees(writer: ObjectWriter, source: TreeSource): string {
  const { paths } = source;
  let at = 0;
  const build = (dir: BytePath, cache: CacheTree | null): string | null => {
    const prefix = dir === '' ? '' : `${dir}/`;
    const valid = cache !== null && isOfThese(paths, prefix, { start: at, count: cache.entryCount }) ? cache : null;
    const known = source.known?.(dir, valid) ?? null;
    if (known !== null) {
      at = valid !== null ? at + valid.entryCount : endOf(paths, prefix, at);
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

/**
 * Whether a directory of the cache tree has exactly the entries that the index has below it. Git
 * 2.39 itself writes an index without entries whose cache tree names the tree of HEAD (a rebase
 * that refuses to start after the index was deleted); a damaged index may count wrong, too. Such a
 * tree would pass for files that are not tracked, or pass files by.
 */
function isOfThese(paths: readonly BytePath[], prefix: BytePath, range: { start: number; count: number }): boolean {
  const end = range.start + range.count;
  if (range.count <= 0 || end > paths.length || !paths[end - 1]!.startsWith(prefix)) return false;
  return end === paths.length || !paths[end]!.startsWith(prefix);
}

/** Finds the position after the last path that starts with `prefix`, by binary search. */
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

/**
 * Reads the entries of a tree.
 * @throws AtomicSnapshotError `DEVS_OBJECT_MISSING`, `DEVS_OBJECT_DAMAGED`, `DEVS_SNAPSHOT_INVALID`
 */
export function readTree(store: ObjectStore, oid: string): Map<string, TreeEntry> {
  return oid === EMPTY_TREE ? new Map() : parseTree(oid, store.read(oid, 'tree'));
}

/**
 * Parses the entries of a tree. It believes nothing that the bytes say, since another program or
 * another person may have written them. Errors name `oid`.
 * @throws AtomicSnapshotError `DEVS_SNAPSHOT_INVALID`
 */
export function parseTree(oid: string, body: Buffer): Map<string, TreeEntry> {
  const entries = new Map<string, TreeEntry>();
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(32, at);
    const nul = space === -1 ? -1 : body.indexOf(0, space);
    if (nul === -1 || space - at > MODE_DIGITS || nul + 21 > body.length) throw invalidTree(oid, null, 'is cut short');
    const digits = body.toString('latin1', at, space);
    const mode = OCTAL.test(digits) ? Number.parseInt(digits, 8) : -1;
    const name = body.toString('latin1', space + 1, nul);
    const problem = MODES.has(mode) ? nameProblem(name) : `has the mode ${toText(digits)}`;
    if (problem !== null) throw invalidTree(oid, name, problem);
    // The same name as a file and as a directory is a duplicate, too.
    if (entries.has(name)) throw invalidTree(oid, name, 'stands there twice');
    entries.set(name, { mode, oid: body.toString('hex', nul + 1, nul + 21) });
    at = nul + 21;
  }
  return entries;
}

function invalidTree(oid: string, name: string | null, problem: string): AtomicSnapshotError {
  const what = name === null ? `tree ${oid}` : `${JSON.stringify(toText(name))} in tree ${oid}`;
  return new AtomicSnapshotError('DEVS_SNAPSHOT_INVALID', `${what} ${problem}; nothing was changed`, {
    hint: ['git', 'ls-tree', oid],
    data: { oid, ...(name === null ? {} : { name: toText(name) }) },
  });
}

/** Finds the entry at `path` below the tree `root`; null where there is none. */
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

/** No work tree has more files and directories than this. */
const MAX_ENTRIES = 10_000_000;
/** A comparison that has read so many trees first counts what it still has to do. */
const COUNT_AFTER = 5_000;

/**
 * Yields the files that differ between two trees. It reads no directories whose trees are equal.
 * @throws AtomicSnapshotError `DEVS_SNAPSHOT_INVALID` where a tree breaks git's rules, is too deep,
 * or holds more than any work tree does: forty trees, each with the next one twice, make a trillion
 * files.
 */
export function diffTrees(store: ObjectStore, before: string, after: string): Generator<PathChange> {
  const pair = { before, after, dir: '', depth: 0 };
  return new TreeComparison(store, pair).compare(pair);
}

interface Pair {
  readonly before: string;
  readonly after: string;
  readonly dir: BytePath;
  readonly depth: number;
}

/** So many entries are remembered, since many directories may have the same tree. */
const REMEMBERED_ENTRIES = 50_000;

class TreeComparison {
  readonly #store: ObjectStore;
  readonly #top: Pair;
  readonly #trees = new Map<string, ReadonlyMap<string, TreeEntry>>();
  #remembered = 0;
  #read = 0;

  constructor(store: ObjectStore, top: Pair) {
    this.#store = store;
    this.#top = top;
  }

  *compare({ before, after, dir, depth }: Pair): Generator<PathChange> {
    if (before === after) return;
    if (depth > MAX_TREE_DEPTH) throw invalidTree(after, null, `lies deeper than ${MAX_TREE_DEPTH} directories`);
    if (++this.#read === COUNT_AFTER) this.#assertHasEnd();
    const left = this.#tree(before);
    const right = this.#tree(after);
    for (const name of new Set([...left.keys(), ...right.keys()])) {
      const path = dir === '' ? name : `${dir}/${name}`;
      const a = left.get(name) ?? null;
      const b = right.get(name) ?? null;
      if (a?.oid === b?.oid && a?.mode === b?.mode) continue;
      const treeBefore = a?.mode === DIRECTORY ? a.oid : null;
      const treeAfter = b?.mode === DIRECTORY ? b.oid : null;
      if (treeBefore !== null || treeAfter !== null) {
        const pair = { before: treeBefore ?? EMPTY_TREE, after: treeAfter ?? EMPTY_TREE };
        yield* this.compare({ ...pair, dir: path, depth: depth + 1 });
      }
      const fileBefore = treeBefore === null ? a : null;
      const fileAfter = treeAfter === null ? b : null;
      if (fileBefore !== null || fileAfter !== null) yield { path, before: fileBefore, after: fileAfter };
    }
  }

  #tree(oid: string): ReadonlyMap<string, TreeEntry> {
    let tree = this.#trees.get(oid);
    if (tree === undefined) {
      tree = readTree(this.#store, oid);
      this.#remembered += tree.size + 1;
      if (this.#remembered > REMEMBERED_ENTRIES) {
        this.#trees.clear();
        this.#remembered = tree.size + 1;
      }
      this.#trees.set(oid, tree);
    }
    return tree;
  }

  /** Reads each tree once, however often it is named. */
  #assertHasEnd(): void {
    const counts = new Map<string, number>();
    const count = (oid: string, depth: number): number => {
      const known = counts.get(oid);
      if (known !== undefined) return known;
      if (depth > MAX_TREE_DEPTH) throw invalidTree(oid, null, `lies deeper than ${MAX_TREE_DEPTH} directories`);
      let total = 1;
      for (const entry of readTree(this.#store, oid).values()) {
        total += entry.mode === DIRECTORY ? count(entry.oid, depth + 1) : 1;
      }
      if (total > MAX_ENTRIES) throw invalidTree(oid, null, `holds more than ${MAX_ENTRIES} files`);
      counts.set(oid, total);
      return total;
    };
    for (const oid of [this.#top.before, this.#top.after]) count(oid, 0);
  }
}
