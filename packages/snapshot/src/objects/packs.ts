import fs from 'node:fs';
import path from 'node:path';
import { codeOf } from '../base/errors.ts';
import { DamagedBytes } from './damaged-bytes.ts';
import { applyDelta } from './delta.ts';
import { assertReadable, MAX_DELTA_DEPTH, maxDeltaWork } from './limits.ts';
import type { ObjectType, RawObject } from './object-id.ts';
import { type PackedDelta, PackFile } from './pack-file.ts';
import { PackIndex } from './pack-index.ts';

interface Place {
  readonly pack: PackFile;
  readonly offset: number;
}

/** Finds and reads objects in the packs of some object directories. */
export class Packs {
  readonly #dirs: readonly string[];
  readonly #findLoose: (oid: string) => RawObject | null;
  #indexes: PackIndex[] | undefined;
  readonly #files = new Map<string, PackFile | null>();

  /** `findLoose` is for a delta whose base is loose, as after a fetch that was cut short. */
  constructor(dirs: readonly string[], findLoose: (oid: string) => RawObject | null) {
    this.#dirs = dirs;
    this.#findLoose = findLoose;
  }

  /** Whether a pack has the object, going by its index. */
  contains(oid: string): boolean {
    try {
      return this.#first(Buffer.from(oid, 'hex'), () => true) ?? false;
    } catch (error) {
      if (error instanceof DamagedBytes) return false;
      throw error;
    }
  }

  /**
   * Reads the first copy of an object that `accept` takes; null where no pack has it.
   * @throws DamagedBytes where there are copies and none is accepted.
   */
  find(oid: string, accept: (raw: RawObject) => boolean): (RawObject & { readonly file: string }) | null {
    return this.#first(Buffer.from(oid, 'hex'), (place) => {
      const raw = this.#read(place);
      return accept(raw) ? { ...raw, file: place.pack.path } : null;
    });
  }

  /** Reads an object's type, and none of its content. @throws DamagedBytes */
  typeOf(oid: string, looseTypeOf: (oid: string) => ObjectType | null): ObjectType | null {
    return this.#first(Buffer.from(oid, 'hex'), (start) => {
      let place: Place = start;
      for (let depth = 0; depth <= MAX_DELTA_DEPTH; depth++) {
        const found = place.pack.typeAt(place.offset);
        if ('type' in found) return found.type;
        if (typeof found.base === 'number') place = { pack: place.pack, offset: found.base };
        else {
          const loose = looseTypeOf(found.base);
          if (loose !== null) return loose;
          place = this.#base(found.base);
        }
      }
      throw new DamagedBytes('its chain of deltas is too long');
    });
  }

  /** Reads an object's size from its header. `name` is its 20 bytes. @throws DamagedBytes */
  sizeOf(name: Buffer): number | null {
    return this.#first(name, ({ pack, offset }) => pack.sizeAt(offset));
  }

  /** Finds the stream of an object that a pack holds whole; null where it is a delta. */
  whole(
    oid: string,
  ): { readonly type: ObjectType; readonly size: number; readonly start: number; readonly file: string } | null {
    return this.#first(
      Buffer.from(oid, 'hex'),
      ({ pack, offset }) => {
        const found = pack.whole(offset);
        return found === null ? null : { ...found, file: pack.path };
      },
      true,
    );
  }

  /** Returns what `work` makes of the first copy that it does not find damaged. */
  #first<T>(name: Buffer, work: (place: Place) => T | null, mayBeNone = false): T | null {
    let damage: DamagedBytes | null = null;
    for (const index of this.#all()) {
      try {
        const offset = index.find(name);
        const pack = offset === null ? null : this.#file(index.packPath);
        // A pack can be gone, since a gc beside us moved its objects to another.
        if (offset === null || pack === null) continue;
        const result = work({ pack, offset });
        if (result !== null || mayBeNone) return result;
        damage ??= new DamagedBytes('its content has another name');
      } catch (error) {
        if (!(error instanceof DamagedBytes)) throw error;
        damage ??= error;
      }
    }
    if (damage !== null) throw damage;
    return null;
  }

  #read(start: Place): RawObject {
    const deltas: PackedDelta[] = [];
    for (let place = start; ; ) {
      const entry = place.pack.entryAt(place.offset);
      if (entry.kind === 'whole') return applyAll(entry.object, deltas);
      // The bound ends chains that lead back to themselves, too.
      if (deltas.push(entry) > MAX_DELTA_DEPTH) throw new DamagedBytes('its chain of deltas is too long');
      if (typeof entry.base === 'number') {
        place = { pack: place.pack, offset: entry.base };
        continue;
      }
      const loose = this.#findLoose(entry.base);
      if (loose !== null) return applyAll(loose, deltas);
      place = this.#base(entry.base);
    }
  }

  #base(oid: string): Place {
    const name = Buffer.from(oid, 'hex');
    for (const index of this.#all()) {
      const offset = index.find(name);
      const pack = offset === null ? null : this.#file(index.packPath);
      if (offset !== null && pack !== null) return { pack, offset };
    }
    throw new DamagedBytes(`its delta's base ${oid} is missing`);
  }

  #all(): PackIndex[] {
    this.#indexes ??= this.#dirs.flatMap(openIndexes);
    return this.#indexes;
  }

  #file(packPath: string): PackFile | null {
    let file = this.#files.get(packPath);
    if (file === undefined) {
      file = PackFile.open(packPath);
      this.#files.set(packPath, file);
    }
    return file;
  }

  /** Looks for packs again; true where there are some that were not known. */
  refresh(): boolean {
    const before = new Set(this.#all().map((index) => index.packPath));
    this.close();
    return this.#all().some((index) => !before.has(index.packPath));
  }

  close(): void {
    for (const index of this.#indexes ?? []) index.close();
    for (const file of this.#files.values()) file?.close();
    this.#indexes = undefined;
    this.#files.clear();
  }
}

/** Applies the last of `deltas` to `base`, and each other one to the result. */
function applyAll(base: RawObject, deltas: readonly PackedDelta[]): RawObject {
  const { type } = base;
  let { body } = base;
  let left = maxDeltaWork(type);
  const accept = (size: number) => {
    assertReadable(type, size);
    left -= size;
    if (left < 0) throw new DamagedBytes('its chain of deltas makes too much of it');
  };
  for (let i = deltas.length - 1; i >= 0; i--) body = applyDelta(body, deltas[i]!.delta(), accept);
  return { type, body };
}

function openIndexes(dir: string): PackIndex[] {
  const packs = path.join(dir, 'pack');
  const indexes: PackIndex[] = [];
  for (const name of namesIn(packs)) {
    if (!name.endsWith('.idx')) continue;
    try {
      const index = PackIndex.open(path.join(packs, name));
      if (index !== null) indexes.push(index);
    } catch (error) {
      // Git leaves out a damaged index, too. Its objects may lie elsewhere.
      if (!(error instanceof DamagedBytes)) throw error;
    }
  }
  return indexes;
}

function namesIn(dir: string): string[] {
  try {
    return fs.readdirSync(dir);
  } catch (error) {
    // A file, a pipe, or a link that leads to itself has the directory's name.
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error))) return [];
    throw error;
  }
}
