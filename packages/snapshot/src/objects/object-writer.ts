import { streamLooseBlob, writeLoose } from './loose-writer.ts';
import { hashObject, type ObjectType } from './object-id.ts';
import type { ObjectStore } from './object-store.ts';
import { PackWriter } from './pack-writer.ts';

/** Few objects are written loose, as git does; more go into one pack, which costs two flushes instead of two each. */
const MAX_LOOSE = 4;
/**
 * Where a pack is written anyway, what exists loose goes into it again: that takes less time than opening and unpacking
 * its file, and the snapshot needs no file that it has not proven. Of larger ones the copy would be the waste.
 */
const COPY_UP_TO = 1 << 16;
/** More than this is not kept in memory but written to the pack at once. */
const MAX_BUFFERED_BYTES = 4 << 20;

interface Pending {
  readonly oid: string;
  readonly type: ObjectType;
  readonly body: Buffer;
  readonly level: number;
}

/** zlib's fastest. */
const FAST = 1;

/** Collects new objects. They exist, durably, only after `flush`. */
export class ObjectWriter {
  readonly #store: ObjectStore;
  readonly #known = new Set<string>();
  /** What no pack holds. Some may exist loose: that is found out only where it saves writing them. */
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #pack: PackWriter | undefined;
  /** How many objects were written. */
  written = 0;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** Adds an object, compressed by zlib's `level`, unless the repository holds it already; returns its name. */
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

  /** Adds a blob of `size` bytes without holding it in memory; null where `chunks` had another size. */
  async addStream(size: number, chunks: () => Iterable<Buffer>): Promise<string | null> {
    const oid = await streamLooseBlob(this.#store.dir, size, chunks);
    if (oid !== null) this.written++;
    return oid;
  }

  #startPack(): void {
    this.#pack = new PackWriter(this.#store.dir);
    for (const object of this.#pending) this.#addToPack(this.#pack, object);
    this.#pending = [];
  }

  #addToPack(pack: PackWriter, { oid, type, body, level }: Pending): void {
    pack.add(oid, type, body, level);
    this.written++;
  }

  /** Objects to write, or written already. */
  get size(): number {
    return this.written + this.#pending.length;
  }

  flush(): void {
    const pack = this.#pack;
    this.#pack = undefined;
    pack?.finish();
    for (const { oid, type, body } of this.#pending) {
      if (this.#store.holdsLoose(oid, type, body)) continue;
      writeLoose(this.#store.dir, oid, type, body);
      this.written++;
    }
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  /** Forgets what was not flushed. */
  discard(): void {
    this.#pack?.discard();
    this.#pack = undefined;
    this.#pending = [];
  }
}
