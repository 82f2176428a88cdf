import fs from 'node:fs';
import path from 'node:path';
import { removeIfThere } from '../base/durable.ts';
import { loosePath } from './loose-object.ts';
import { streamLooseBlob, writeLoose } from './loose-writer.ts';
import { hashObject, type ObjectType } from './object-id.ts';
import { ObjectStore } from './object-store.ts';
import { PackWriter } from './pack-writer.ts';
import { prunedMeanwhile } from './pruned.ts';

/**
 * Up to this many objects are written loose, as git does. More go into one pack, which costs two
 * flushes in all instead of two each.
 */
const MAX_LOOSE = 4;
/**
 * Where a pack is written anyway, an object that exists loose goes into it again: that takes less
 * time than opening and unpacking its file, and the snapshot depends on no file that it has not
 * proven. Copying a larger object than this would take longer.
 */
const COPY_UP_TO = 1 << 16;
/** Once so many bytes wait in memory, a pack is begun. */
const MAX_BUFFERED_BYTES = 4 << 20;

interface Pending {
  readonly oid: string;
  readonly type: ObjectType;
  readonly body: Buffer;
  readonly level: number;
}

/** zlib's fastest level. */
const FAST = 1;

/** Collects new objects. They exist, durably, only after `flush` has returned. */
export class ObjectWriter {
  readonly #store: ObjectStore;
  readonly #known = new Set<string>();
  /** Objects that no pack holds. Whether one exists loose is asked only where it saves a write. */
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #pack: PackWriter | undefined;
  /** The files that hold what was written. */
  readonly #files = new Set<string>();
  /** The files that keep a gc from the packs. */
  #keeps: string[] = [];
  /** The number of objects that were written. */
  written = 0;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** Adds an object unless the repository holds it, and returns its name. `level` is zlib's. */
  add(type: ObjectType, body: Buffer, level: number = FAST): string {
    const oid = hashObject(type, body);
    if (this.#known.has(oid)) return oid;
    this.#known.add(oid);
    const store = this.#store;
    if (store.holdsPacked(oid, type, body)) return oid;
    if (body.length > COPY_UP_TO && store.holdsLoose(oid, type, body)) return oid;
    if (this.#pack !== undefined) {
      this.#addToPack(this.#pack, { oid, type, body, level });
      return oid;
    }
    this.#pending.push({ oid, type, body, level });
    this.#pendingBytes += body.length;
    if (this.#pending.length > MAX_LOOSE || this.#pendingBytes > MAX_BUFFERED_BYTES) this.#startPack();
    return oid;
  }

  /** Writes a blob without holding it in memory; null where `chunks` had not `size` bytes. */
  async addStream(size: number, chunks: () => Iterable<Buffer>): Promise<string | null> {
    const oid = await streamLooseBlob(this.#store, size, chunks);
    if (oid === null) return null;
    this.#files.add(loosePath(this.#store.dir, oid));
    this.#known.add(oid);
    this.written++;
    return oid;
  }

  #startPack(): void {
    this.#pack = new PackWriter(this.#store);
    for (const object of this.#pending) this.#addToPack(this.#pack, object);
    this.#pending = [];
  }

  #addToPack(pack: PackWriter, { oid, type, body, level }: Pending): void {
    pack.add(oid, type, body, level);
    this.written++;
  }

  /** The number of objects that are written or wait for it. */
  get size(): number {
    return this.written + this.#pending.length;
  }

  flush(): void {
    const pack = this.#pack;
    this.#pack = undefined;
    if (pack !== undefined) {
      const base = pack.finish();
      this.#files.add(`${base}.idx`);
      if (pack.isKept) this.#keeps.push(`${base}.keep`);
    }
    for (const { oid, type, body } of this.#pending) {
      if (this.#store.holdsLoose(oid, type, body)) continue;
      writeLoose(this.#store, oid, type, body);
      this.#files.add(loosePath(this.#store.dir, oid));
      this.written++;
    }
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  /**
   * Makes sure that no git command has pruned what was flushed, or what was there already, before a
   * ref led to it.
   * @throws AtomicSnapshotError `DEVS_REPOSITORY_BUSY`
   */
  assertNotPruned(): void {
    const { dir, sharing, reliedOn } = this.#store;
    if ([...this.#files, ...reliedOn].every((file) => fs.existsSync(file))) return;
    // A gc may have packed them anew.
    using now = new ObjectStore(path.dirname(dir), sharing);
    for (const oid of this.#known) if (!now.contains(oid)) throw prunedMeanwhile(dir);
  }

  /** From now on a gc may do with the pack as it likes. */
  release(): void {
    for (const file of this.#keeps) removeIfThere(file);
    this.#keeps = [];
  }

  /** Drops the objects that were not flushed. */
  discard(): void {
    this.release();
    this.#pack?.discard();
    this.#pack = undefined;
    this.#pending = [];
  }
}
