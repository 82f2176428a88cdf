import fs from 'node:fs';
import path from 'node:path';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';
import { NOT_SHARED, type Sharing } from '../base/sharing.ts';
import { withAlternates } from './alternates.ts';
import { asDamage, DamagedBytes } from './damaged-bytes.ts';
import { type LargeObject, streamObject } from './large-object.ts';
import { LARGE_BYTES } from './limits.ts';
import { type LooseHeader, looseHeader, loosePath, readLoose } from './loose-object.ts';
import { EMPTY_TREE, hashObject, type ObjectType, type RawObject } from './object-id.ts';
import { Packs } from './packs.ts';

/** An object, and the loose file or the pack that holds it. */
type FoundObject = RawObject & { readonly file: string };

/**
 * Reads objects, loose or packed, of a repository and its alternates, one at a time. Close it when
 * done. It passes over a damaged copy of an object, and a damaged pack, where another is sound.
 */
export class ObjectStore {
  /** The repository's own object directory, where new objects go. */
  readonly dir: string;
  /** The file that lists the commits whose parents a shallow clone does not have. */
  readonly shallowFile: string;
  readonly #dirs: readonly string[];
  readonly sharing: Sharing;
  readonly #packs: Packs;
  readonly #freshened = new Set<string>();

  /** `sharing`: who may use the objects that are written here. */
  constructor(commonDir: string, sharing: Sharing = NOT_SHARED) {
    this.sharing = sharing;
    this.dir = path.join(commonDir, 'objects');
    this.shallowFile = path.join(commonDir, 'shallow');
    this.#dirs = withAlternates(this.dir);
    this.#packs = new Packs(this.#dirs, (oid) => this.#findLoose(oid, () => true));
  }

  /**
   * Reads an object and checks it against its name; null where there is none.
   * @throws AtomicSnapshotError `DEVS_OBJECT_DAMAGED`
   */
  find(oid: string): RawObject | null {
    const accept = (raw: RawObject) => hashObject(raw.type, raw.body) === oid;
    return named(oid, () => {
      // A gc beside us may have moved objects to a pack that is newer than our list of packs.
      const found = this.#findIn(oid, accept) ?? (this.#packs.refresh() ? this.#findIn(oid, accept) : null);
      return found ?? (oid === EMPTY_TREE ? { type: 'tree', body: Buffer.alloc(0) } : null);
    });
  }

  #findIn(oid: string, accept: (raw: RawObject) => boolean): FoundObject | null {
    let damage: DamagedBytes;
    try {
      const loose = this.#findLoose(oid, accept);
      return loose ?? this.#packs.find(oid, accept);
    } catch (error) {
      if (!(error instanceof DamagedBytes)) throw error;
      damage = error;
    }
    const packed = this.#packs.find(oid, accept);
    if (packed === null) throw damage;
    return packed;
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

  /** Reads an object of this type; null where there is none, or none that is sound. */
  findSound(oid: string, type: ObjectType): Buffer | null {
    const accept = (raw: RawObject) => raw.type === type && hashObject(raw.type, raw.body) === oid;
    return unlessDamaged(() => this.#findIn(oid, accept))?.body ?? null;
  }

  /** Reads an object's type from its header; null where it is missing or damaged. */
  typeOf(oid: string): ObjectType | null {
    const looseTypeOf = (name: string) => this.#looseHeader(name)?.type ?? null;
    return unlessDamaged(() => this.#packs.typeOf(oid, looseTypeOf)) ?? looseTypeOf(oid);
  }

  /**
   * Reads the size of an object's content from its header; null where no header says it. `name` is
   * the 20 bytes of its name.
   */
  sizeOf(name: Buffer): number | null {
    return unlessDamaged(() => this.#packs.sizeOf(name)) ?? this.#looseHeader(name.toString('hex'))?.size ?? null;
  }

  #looseHeader(oid: string): LooseHeader | null {
    for (const dir of this.#dirs) {
      const file = loosePath(dir, oid);
      const header = fs.existsSync(file) ? looseHeader(file) : null;
      if (header !== null) return header;
    }
    return null;
  }

  /** Finds the stream of an object that is too large to be read at once; null for all others. */
  findLarge(oid: string): LargeObject | null {
    for (const dir of this.#dirs) {
      const file = loosePath(dir, oid);
      // Even a large object of one repeated byte takes a thousandth of its size on disk.
      const stat = fs.statSync(file, { throwIfNoEntry: false });
      if (stat === undefined) continue;
      const found = stat.size > LARGE_BYTES / 2_000 ? looseHeader(file) : null;
      return found !== null && found.size > LARGE_BYTES ? { ...found, file, start: 0 } : null;
    }
    const found = named(oid, () => this.#packs.whole(oid));
    return found !== null && found.size > LARGE_BYTES ? { ...found, header: 0 } : null;
  }

  /**
   * Yields the content of a blob: a large one in pieces, any other at once. The error can come
   * after the last piece.
   * @throws AtomicSnapshotError `DEVS_OBJECT_MISSING`, `DEVS_OBJECT_DAMAGED`.
   */
  async *readBlob(oid: string): AsyncGenerator<Buffer> {
    const large = this.findLarge(oid);
    if (large === null) {
      yield this.read(oid, 'blob');
      return;
    }
    if (large.type !== 'blob') throw damaged(oid, `it is a ${large.type}, not a blob`);
    try {
      yield* streamObject(large, oid);
    } catch (error) {
      const damage = asDamage(error);
      throw damage === null ? error : damaged(oid, damage.message, error);
    }
  }

  /** Whether the object exists, going by its name alone. */
  contains(oid: string): boolean {
    return this.#packs.contains(oid) || this.#dirs.some((dir) => fs.existsSync(loosePath(dir, oid)));
  }

  /** The files of objects that were there already and that a caller was told of. */
  get reliedOn(): ReadonlySet<string> {
    return this.#freshened;
  }

  /**
   * Whether a pack holds the object and it reads back as `body`. Renews the pack's time, so that no
   * prune takes it.
   */
  holdsPacked(oid: string, type: ObjectType, body: Buffer): boolean {
    // Packs that a gc made just now are not looked for: writing an object twice does no harm.
    return this.#holds((accept) => this.#packs.find(oid, accept), type, body);
  }

  /** Whether a loose file holds the object, likewise. */
  holdsLoose(oid: string, type: ObjectType, body: Buffer): boolean {
    return this.#holds((accept) => this.#findLoose(oid, accept), type, body);
  }

  #holds(find: (accept: (raw: RawObject) => boolean) => FoundObject | null, type: ObjectType, body: Buffer): boolean {
    // A damaged copy is as good as none: a sound one is written beside it.
    const found = unlessDamaged(() => find((raw) => raw.type === type && raw.body.equals(body)));
    if (found === null) return false;
    if (this.#freshened.has(found.file)) return true;
    this.#freshened.add(found.file);
    return touch(found.file, new Date());
  }

  /** @throws DamagedBytes where there are copies and none is accepted. */
  #findLoose(oid: string, accept: (raw: RawObject) => boolean): FoundObject | null {
    let damage: DamagedBytes | null = null;
    for (const dir of this.#dirs) {
      const file = loosePath(dir, oid);
      try {
        // Most objects are not there, and an exception costs ten times what this question does.
        const raw = fs.existsSync(file) ? readLoose(file) : null;
        if (raw === null) continue;
        if (accept(raw)) return { ...raw, file };
        damage ??= new DamagedBytes('its content has another name');
      } catch (error) {
        if (!(error instanceof DamagedBytes)) throw error;
        damage ??= error;
      }
    }
    if (damage !== null) throw damage;
    return null;
  }

  close(): void {
    this.#packs.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** What `work` returns; null where it meets damaged bytes. */
function unlessDamaged<T>(work: () => T | null): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof DamagedBytes) return null;
    throw error;
  }
}

/** Runs `work`. Its error for damaged bytes names the object that they should have been. */
function named<T>(oid: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DamagedBytes) throw damaged(oid, error.message, error);
    throw error;
  }
}

function damaged(oid: string, why: string, cause?: unknown): AtomicSnapshotError {
  return new AtomicSnapshotError('DEVS_OBJECT_DAMAGED', `object ${oid} is damaged: ${why}`, {
    hint: ['git', 'fsck'],
    data: { oid },
    cause,
  });
}

function touch(file: string, time: Date): boolean {
  try {
    fs.utimesSync(file, time, time);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    // In a shared repository or an alternate the file may belong to another user, who keeps it.
    if (codeOf(error) === 'EPERM' || codeOf(error) === 'EACCES' || codeOf(error) === 'EROFS') return true;
    throw error;
  }
}
