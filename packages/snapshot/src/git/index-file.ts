import fs from 'node:fs';
import path from 'node:path';
import { readIfThere } from '../base/durable.ts';
import { AtomicSnapshotError } from '../base/errors.ts';
import { openRegular } from '../base/open-regular.ts';
import type { CacheTree, TreeEntry } from '../objects/trees.ts';
import type { IndexEntry } from './index-entry.ts';
import { type Extensions, readExtensions } from './index-extensions.ts';
import { assertInOrder, assertNamesFile, isFileMode, isPlainName } from './index-rules.ts';
import { expandSparse } from './sparse-index.ts';
import { mergeSplit } from './split-index.ts';

/** The index that a split index builds upon. */
interface SharedIndex {
  /** Its file's name in the git directory. */
  readonly name: string;
  readonly bytes: Buffer;
}

/**
 * The index, read only: this package never encodes one. Format: git's
 * Documentation/gitformat-index.txt.
 */
export interface GitIndex {
  /** The file exactly as it is; null where there is none. */
  readonly bytes: Buffer | null;
  /**
   * What the entries' offsets mean: the bytes, or those of all its parts where it is split or
   * sparse.
   */
  readonly table: Buffer;
  /** Null where the index is not split. */
  readonly shared: SharedIndex | null;
  /** The oldest of its parts. */
  readonly mtimeMs: number;
  readonly mtimeNs: bigint;
  readonly entries: readonly IndexEntry[];
  readonly cacheTree: CacheTree | null;
  /** Blobs that `git checkout --merge` needs to bring a conflict back (the REUC extension). */
  readonly resolveUndo: readonly string[];
}

export function oidOf(index: Pick<GitIndex, 'table'>, entry: IndexEntry): string {
  return index.table.toString('hex', entry.offset + 40, entry.offset + 60);
}

/** What an index may refer to. */
export interface IndexSources {
  /** Bytes of a file in the git directory; null where there is none. */
  readonly file: (name: string) => Buffer | null;
  readonly tree: (oid: string) => ReadonlyMap<string, TreeEntry>;
}

const NO_INDEX: GitIndex = {
  bytes: null,
  table: Buffer.alloc(0),
  shared: null,
  mtimeMs: 0,
  mtimeNs: 0n,
  entries: [],
  cacheTree: null,
  resolveUndo: [],
};

/** @throws AtomicSnapshotError `DEVS_INDEX_INVALID`, `DEVS_SHARED_INDEX_MISSING` */
export function readIndex(gitDir: string, tree: IndexSources['tree']): GitIndex {
  const file = path.join(gitDir, 'index');
  let bytes: Buffer;
  let stat: fs.BigIntStats;
  const fd = openRegular(file);
  if (fd === null) return NO_INDEX;
  try {
    stat = fs.fstatSync(fd, { bigint: true });
    if (stat.size > LIMIT) throw invalid(file, `has ${stat.size} bytes; devs reads up to ${LIMIT}`);
    bytes = fs.readFileSync(fd);
  } finally {
    fs.closeSync(fd);
  }
  const parsed = parseIndex(bytes, file, { file: (name) => readIfThere(path.join(gitDir, name)), tree });
  const mtimeMs = Number(stat.mtimeNs / 1_000_000_000n) * 1000 + Number(stat.mtimeNs % 1_000_000_000n) / 1e6;
  // An entry of the shared part was last proven clean when that was written.
  const sharedMs = parsed.shared === null ? mtimeMs : mtimeOf(path.join(gitDir, parsed.shared.name));
  return { bytes, mtimeMs: Math.min(mtimeMs, sharedMs), mtimeNs: stat.mtimeNs, ...parsed };
}

/** Five million entries, roughly; a string holds no more. */
const LIMIT = 512 * 1024 * 1024 - 32;

/** 0 where the file is gone by now, so that no stat proves anything. */
function mtimeOf(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The index of whose bytes nothing is known but that they are there: it has no entries. */
export function unreadableIndex(gitDir: string): GitIndex {
  const file = path.join(gitDir, 'index');
  const bytes = readIfThere(file);
  if (bytes === null) return NO_INDEX;
  const { mtimeNs } = fs.lstatSync(file, { bigint: true });
  return { ...NO_INDEX, bytes, table: bytes, mtimeNs };
}

export type ParsedIndex = Pick<GitIndex, 'entries' | 'table' | 'shared' | 'cacheTree' | 'resolveUndo'>;

/**
 * `file`: its name, for errors. @throws AtomicSnapshotError `DEVS_INDEX_INVALID`,
 * `DEVS_SHARED_INDEX_MISSING`
 */
export function parseIndex(bytes: Buffer, file: string, sources: IndexSources): ParsedIndex {
  const bad = (what: string) => invalid(file, what);
  const own = parseOne(bytes, 0, bad);
  let { entries, cacheTree } = own;
  let table = bytes;
  let shared: SharedIndex | null = null;
  if (own.link?.base != null) {
    const name = `sharedindex.${own.link.base}`;
    const sharedBytes = sources.file(name);
    if (sharedBytes === null) throw sharedIndexMissing(file, name);
    shared = { name, bytes: sharedBytes };
    table = Buffer.concat([bytes, sharedBytes]);
    const base = parseOne(sharedBytes, bytes.length, (what) => invalid(`${path.dirname(file)}/${name}`, what));
    entries = mergeSplit(own.link, base.entries, { own: entries, bad });
    for (const entry of base.suspects) assertNamesFile(entry, own.sparse, bad);
  }
  // Entries without a name replace others of the shared index.
  for (const entry of own.suspects) if (shared === null || entry.path !== '') assertNamesFile(entry, own.sparse, bad);
  if (own.sparse) ({ table, entries, cacheTree } = expandSparse({ table, entries, cacheTree }, sources.tree, bad));
  // Paths are looked up by search. Git refuses such an index, too.
  assertInOrder(entries, bad);
  return { entries, table, shared, cacheTree, resolveUndo: own.resolveUndo };
}

interface ParsedPart extends Extensions {
  readonly entries: readonly IndexEntry[];
  /** Those whose name or mode has to be looked at more closely. */
  readonly suspects: readonly IndexEntry[];
}

/** The bytes of an entry but for its name, and the least that a name takes. */
const FIXED_BYTES = 62;
const LEAST_NAME_BYTES = 1;
const HEADER_BYTES = 12;
const HASH_BYTES = 20;

/** `start`: where the bytes will begin in the table. */
function parseOne(bytes: Buffer, start: number, bad: (what: string) => Error): ParsedPart {
  if (bytes.length < HEADER_BYTES + HASH_BYTES || bytes.toString('latin1', 0, 4) !== 'DIRC') {
    throw bad('is not a git index');
  }
  const version = bytes.readUInt32BE(4);
  if (version < 2 || version > 4) throw bad(`has version ${version}; devs knows 2, 3 and 4`);
  const count = bytes.readUInt32BE(8);
  const end = bytes.length - HASH_BYTES;
  if (count > (end - HEADER_BYTES) / (FIXED_BYTES + LEAST_NAME_BYTES)) {
    throw bad(`says that it has ${count} entries, which is more than it has room for`);
  }
  const entries: IndexEntry[] = new Array(count);
  const suspects: IndexEntry[] = [];
  // Tens of thousands of times each: a view's reads and a string's slices are several times as fast
  // as a buffer's.
  const view = viewOf(bytes);
  const text = bytes.toString('latin1');
  let at = HEADER_BYTES;
  let previous = '';
  for (let i = 0; i < count; i++) {
    if (at + FIXED_BYTES + 2 > end) throw bad('ends in the middle of an entry');
    const flags = view.getUint16(at + 60);
    const extended = (flags & 0x4000) !== 0;
    const more = extended ? view.getUint16(at + 62) : 0;
    let nameAt = at + (extended ? 64 : 62);
    let dropped = 0;
    if (version === 4) [dropped, nameAt] = readVarint(bytes, nameAt);
    if (dropped > previous.length) throw bad('takes more from the name before than that has');
    // The length of the name, where it fits into twelve bits; version 4 counts what it left out,
    // too.
    const length = flags & 0xfff;
    const nul = version !== 4 && length < 0xfff ? nameAt + length : bytes.indexOf(0, nameAt);
    if (nul === -1 || nul >= end || bytes[nul] !== 0) throw bad('ends in the middle of a name');
    const suffix = text.slice(nameAt, nul);
    const name: string = version === 4 ? previous.slice(0, previous.length - dropped) + suffix : suffix;
    const mode = view.getUint32(at + 24);
    const entry = {
      path: name,
      mode,
      stage: (flags >> 12) & 3,
      skipWorktree: (more & 0x4000) !== 0,
      intentToAdd: (more & 0x2000) !== 0,
      offset: start + at,
    };
    entries[i] = entry;
    if (version === 4 || !isFileMode(mode) || !isPlainName(bytes, nameAt, nul)) suspects.push(entry);
    previous = name;
    // Versions 2 and 3 pad entries with 1 to 8 NULs to a multiple of 8 bytes.
    at = version === 4 ? nul + 1 : at + ((nul - at + 8) & ~7);
  }
  return { entries, suspects, ...readExtensions(bytes.subarray(0, end), at, bad) };
}

function invalid(file: string, what: string): AtomicSnapshotError {
  return new AtomicSnapshotError('DEVS_INDEX_INVALID', `${file} ${what}`, {
    hint: ['git', 'fsck'],
    data: { path: file },
  });
}

function sharedIndexMissing(file: string, name: string): AtomicSnapshotError {
  return new AtomicSnapshotError(
    'DEVS_SHARED_INDEX_MISSING',
    `${file} is split, and its ${name} is missing; git can make a new index, without what was staged`,
    {
      hint: ['git', 'read-tree', 'HEAD'],
      data: { path: file, shared: name },
    },
  );
}

/** The offset encoding of packs and index version 4. */
function readVarint(bytes: Buffer, start: number): [value: number, next: number] {
  let at = start;
  let byte = bytes[at++] ?? 0;
  let value = byte & 0x7f;
  // No name is so long that its length takes more than four bytes.
  while (byte & 0x80 && at < start + 5) {
    byte = bytes[at++] ?? 0;
    value = (value + 1) * 128 + (byte & 0x7f);
  }
  return [value, at];
}

export function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * Whether a file's stat proves that it is what the index entry at `at` recorded: type, execute bit,
 * size and times, of an entry that is neither unmerged nor added with --intent-to-add. `false`
 * proves nothing: the file may be unchanged, but it has to be read. It uses nothing but its
 * parameters, because its text is sent to a thread (scan/stat-helper.ts).
 */
export function statMatches(table: DataView, at: number, indexMtimeMs: number, stat: fs.Stats): boolean {
  // The same arithmetic as Node's own, so that equal times give equal numbers.
  const mtimeMs = table.getUint32(at + 8) * 1000 + table.getUint32(at + 12) / 1e6;
  const mode = table.getUint32(at + 24);
  const flags = table.getUint16(at + 60);
  return (
    (mode & 0o170000) === (stat.mode & 0o170000) &&
    (mode === 0o120000 || ((mode ^ stat.mode) & 0o100) === 0) &&
    (flags & 0x3000) === 0 &&
    ((flags & 0x4000) === 0 || (table.getUint16(at + 62) & 0x2000) === 0) &&
    mtimeMs === stat.mtimeMs &&
    table.getUint32(at + 36) === stat.size % 0x1_0000_0000 &&
    table.getUint32(at) * 1000 + table.getUint32(at + 4) / 1e6 === stat.ctimeMs &&
    table.getUint32(at + 20) === stat.ino % 0x1_0000_0000 &&
    // Racily clean: written in the same instant as the index, so its stat proves nothing.
    mtimeMs < indexMtimeMs
  );
}
