import fs from 'node:fs';
import path from 'node:path';
import { inflateSync } from 'node:zlib';
import { readIfThere, readTextIfThere } from '../base/durable.ts';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';
import { LARGE_BYTES, type LargeObject, looseHeader, streamObject } from './large-object.ts';
import { EMPTY_TREE, hashObject, type ObjectType } from './object-id.ts';
import { PackFile, type RawObject } from './pack-file.ts';
import { PackIndex } from './pack-index.ts';

/** An object, and the loose file or the pack that holds it. */
type FoundObject = RawObject & { readonly file: string };

/** Reads objects, loose or packed, of a repository and its alternates, one at a time. Close it when done. */
export class ObjectStore {
  /** The repository's own object directory, where new objects go. */
  readonly dir: string;
  /** Lists the commits whose parents a shallow clone has not. */
  readonly shallowFile: string;
  readonly #dirs: readonly string[];
  #indexes: PackIndex[] | undefined;
  readonly #packs = new Map<string, PackFile>();
  readonly #freshened = new Set<string>();

  constructor(commonDir: string) {
    this.dir = path.join(commonDir, 'objects');
    this.shallowFile = path.join(commonDir, 'shallow');
    this.#dirs = withAlternates(this.dir);
  }

  /** The object, checked against its name; null where there is none. */
  find(oid: string): RawObject | null {
    const raw = this.#findLoose(oid) ?? this.#findPacked(oid) ?? this.#findInNewPack(oid);
    if (raw === null && oid === EMPTY_TREE) return { type: 'tree', body: Buffer.alloc(0) };
    if (raw !== null && hashObject(raw.type, raw.body) !== oid) throw damaged(oid, 'its content has another name');
    return raw;
  }

  /** @throws AtomicSnapshotError `DEVS_OBJECT_MISSING`, `DEVS_OBJECT_DAMAGED`. */
  read(oid: string, type: ObjectType): Buffer {
    const raw = this.find(oid);
    if (raw === null) {
      throw new AtomicSnapshotError('DEVS_OBJECT_MISSING', `object ${oid} is missing`, {
        hint: ['git', 'fsck'],
        data: { oid },
      });
    }
    if (raw.type !== type) throw damaged(oid, `it is a ${raw.type}, not a ${type}`);
    return raw.body;
  }

  /** Where an object lies that is too large to be read at once; null for all others. */
  findLarge(oid: string): LargeObject | null {
    for (const dir of this.#dirs) {
      const file = loosePath(dir, oid);
      // The smallest large object, all the same byte, still takes a thousandth of its size.
      const stat = fs.statSync(file, { throwIfNoEntry: false });
      if (stat === undefined) continue;
      const found = stat.size > LARGE_BYTES / 2_000 ? looseHeader(file) : null;
      return found !== null && found.size > LARGE_BYTES ? { ...found, file, start: 0 } : null;
    }
    const name = Buffer.from(oid, 'hex');
    for (const index of this.#allIndexes()) {
      const offset = index.find(name);
      const found = offset === null ? null : this.#pack(index.packPath).whole(offset);
      if (found !== null) return found.size > LARGE_BYTES ? { ...found, file: index.packPath, header: 0 } : null;
    }
    return null;
  }

  /** The size of an object's content, by what its header says; null where no header says it. */
  sizeOf(name: Buffer): number | null {
    for (const index of this.#allIndexes()) {
      const offset = index.find(name);
      if (offset !== null) return this.#pack(index.packPath).sizeAt(offset);
    }
    const oid = name.toString('hex');
    for (const dir of this.#dirs) {
      const file = loosePath(dir, oid);
      if (fs.existsSync(file)) return looseHeader(file)?.size ?? null;
    }
    return null;
  }

  /**
   * The content of a blob: whole, or, where it is large, in pieces; the last of these may be followed by the error.
   * @throws AtomicSnapshotError `DEVS_OBJECT_MISSING`, `DEVS_OBJECT_DAMAGED`.
   */
  async *readBlob(oid: string): AsyncGenerator<Buffer> {
    const large = this.findLarge(oid);
    if (large === null) {
      yield this.read(oid, 'blob');
      return;
    }
    try {
      yield* streamObject(large, oid);
    } catch (error) {
      throw damaged(oid, (error as Error).message, error);
    }
  }

  /** Whether the object exists, going by its name alone. */
  contains(oid: string): boolean {
    const name = Buffer.from(oid, 'hex');
    return (
      this.#allIndexes().some((index) => index.find(name) !== null) ||
      this.#dirs.some((dir) => fs.existsSync(loosePath(dir, oid)))
    );
  }

  /** True where a pack holds the object and it reads back as `body`; the pack's time is renewed, so that no prune takes it. */
  holdsPacked(oid: string, type: ObjectType, body: Buffer): boolean {
    // Without a second look for packs that a gc made just now: writing an object twice does no harm.
    return this.#holds(() => this.#findPacked(oid), type, body);
  }

  /** The same of a loose object. */
  holdsLoose(oid: string, type: ObjectType, body: Buffer): boolean {
    return this.#holds(() => this.#findLoose(oid), type, body);
  }

  #holds(find: () => FoundObject | null, type: ObjectType, body: Buffer): boolean {
    let found: FoundObject | null;
    try {
      found = find();
    } catch (error) {
      // A damaged copy is as good as none: a sound one is written beside it.
      if (error instanceof AtomicSnapshotError && error.code === 'DEVS_OBJECT_DAMAGED') return false;
      throw error;
    }
    if (found === null || found.type !== type || !found.body.equals(body)) return false;
    if (this.#freshened.has(found.file)) return true;
    this.#freshened.add(found.file);
    return touch(found.file, new Date());
  }

  #findLoose(oid: string): FoundObject | null {
    for (const dir of this.#dirs) {
      const file = loosePath(dir, oid);
      // Asked first, because most objects are not there, and an exception costs ten times the question.
      const bytes = fs.existsSync(file) ? readIfThere(file) : null;
      if (bytes !== null) return { ...parseLoose(oid, bytes), file };
    }
    return null;
  }

  #findPacked(oid: string): FoundObject | null {
    const name = Buffer.from(oid, 'hex');
    for (const index of this.#allIndexes()) {
      const offset = index.find(name);
      if (offset === null) continue;
      try {
        return { ...this.#pack(index.packPath).read(offset), file: index.packPath };
      } catch (error) {
        if (codeOf(error) === 'ENOENT') continue;
        throw damaged(oid, (error as Error).message, error);
      }
    }
    return null;
  }

  /** A gc beside us may have moved objects to a pack that did not exist when the directory was read. */
  #findInNewPack(oid: string): RawObject | null {
    const before = new Set(this.#allIndexes().map((index) => index.packPath));
    this.close();
    const isNew = this.#allIndexes().some((index) => !before.has(index.packPath));
    return isNew ? (this.#findLoose(oid) ?? this.#findPacked(oid)) : null;
  }

  #allIndexes(): PackIndex[] {
    this.#indexes ??= this.#dirs.flatMap(openIndexes);
    return this.#indexes;
  }

  #pack(packPath: string): PackFile {
    let pack = this.#packs.get(packPath);
    if (pack === undefined) {
      pack = new PackFile(packPath, (oid) => this.#findLoose(oid) ?? this.#findPacked(oid));
      this.#packs.set(packPath, pack);
    }
    return pack;
  }

  close(): void {
    for (const index of this.#indexes ?? []) index.close();
    for (const pack of this.#packs.values()) pack.close();
    this.#indexes = undefined;
    this.#packs.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export function loosePath(dir: string, oid: string): string {
  return `${dir}/${oid.slice(0, 2)}/${oid.slice(2)}`;
}

function parseLoose(oid: string, bytes: Buffer): RawObject {
  try {
    const whole = inflateSync(bytes);
    const nul = whole.indexOf(0);
    const [type, size] = whole.toString('latin1', 0, nul).split(' ');
    const body = whole.subarray(nul + 1);
    if (body.length !== Number(size)) throw new Error('its size is wrong');
    return { type: type as ObjectType, body };
  } catch (error) {
    throw damaged(oid, (error as Error).message, error);
  }
}

function damaged(oid: string, why: string, cause?: unknown): AtomicSnapshotError {
  return new AtomicSnapshotError('DEVS_OBJECT_DAMAGED', `object ${oid} is damaged: ${why}`, {
    hint: ['git', 'fsck'],
    data: { oid },
    cause,
  });
}

function openIndexes(dir: string): PackIndex[] {
  let names: string[];
  try {
    names = fs.readdirSync(path.join(dir, 'pack'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
  const indexes: PackIndex[] = [];
  for (const name of names) {
    if (!name.endsWith('.idx')) continue;
    try {
      indexes.push(new PackIndex(path.join(dir, 'pack', name)));
    } catch (error) {
      // Deleted by a gc since the directory was read, or an index of git before 1.5.2, which git itself reports.
      if (codeOf(error) !== 'ENOENT' && !(error instanceof RangeError)) throw error;
    }
  }
  return indexes;
}

/** Objects may also live in the directories named by `info/alternates`, relative to the object directory. */
function withAlternates(dir: string, seen: string[] = []): string[] {
  if (seen.includes(dir)) return seen;
  seen.push(dir);
  for (const line of (readTextIfThere(path.join(dir, 'info/alternates')) ?? '').split('\n')) {
    if (line !== '' && !line.startsWith('#')) withAlternates(path.resolve(dir, line), seen);
  }
  return seen;
}

function touch(file: string, time: Date): boolean {
  try {
    fs.utimesSync(file, time, time);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    // Another user's object (a shared repository, an alternate): present, and theirs to keep.
    if (codeOf(error) === 'EPERM' || codeOf(error) === 'EACCES' || codeOf(error) === 'EROFS') return true;
    throw error;
  }
}
