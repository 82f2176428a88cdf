import fs from 'node:fs';
import path from 'node:path';
import type { BytePath } from '../base/byte-path.ts';
import { readTextIfThere, replaceFile } from '../base/durable.ts';
import { type LargeObject, looseHeader } from '../objects/large-object.ts';
import { loosePath } from '../objects/object-store.ts';

/** A file that was written this short a time before it was read could change again without its times showing it. */
const RACY_MS = 2_000;

interface Known {
  readonly oid: string;
  /** Of the file, when it was read. */
  readonly stat: readonly [size: number, mtimeMs: number, ctimeMs: number, ino: number];
  /** Of the loose object that holds it: size on disk. */
  readonly stored: number;
}

/**
 * Remembers which large files were stored already, so that a second snapshot does not read and write gigabytes again.
 * For small files that would save nothing: an object is trusted only if it reads back, which costs as much as reading
 * the file. A large one is trusted while its own file, which was flushed when it was written, has the size it had then.
 */
export class LargeFileCache {
  readonly #file: string;
  readonly #objectsDir: string;
  readonly #before: Readonly<Record<BytePath, Known>>;
  readonly #now: Record<BytePath, Known> = {};

  constructor(gitDir: string, objectsDir: string) {
    this.#file = path.join(gitDir, 'devs', 'large-files.json');
    this.#objectsDir = objectsDir;
    this.#before = read(this.#file);
  }

  /** The object that holds the file as it is now, its time renewed so that no prune takes it; null where none is known. */
  find(file: BytePath, stat: fs.Stats): string | null {
    const known = Object.hasOwn(this.#before, file) ? this.#before[file]! : null;
    if (known === null || !known.stat.every((value, i) => value === statOf(stat)[i])) return null;
    const object = loosePath(this.#objectsDir, known.oid);
    const stored = fs.statSync(object, { throwIfNoEntry: false });
    if (stored?.size !== known.stored || !isWhole(looseHeader(object), stat.size)) return null;
    const now = new Date();
    fs.utimesSync(object, now, now);
    this.#now[file] = known;
    return known.oid;
  }

  add(file: BytePath, stat: fs.Stats, oid: string): void {
    if (Date.now() - Math.max(stat.mtimeMs, stat.ctimeMs) < RACY_MS) return;
    const stored = fs.statSync(loosePath(this.#objectsDir, oid)).size;
    this.#now[file] = { oid, stat: statOf(stat), stored };
  }

  /** Keeps what this snapshot saw. Without it the next one is slower, no more. */
  save(): void {
    const text = JSON.stringify({ schema: 1, files: this.#now });
    if (text === JSON.stringify({ schema: 1, files: this.#before })) return;
    fs.mkdirSync(path.dirname(this.#file), { recursive: true });
    replaceFile(this.#file, Buffer.from(text));
  }
}

function isWhole(header: Pick<LargeObject, 'type' | 'size'> | null, size: number): boolean {
  return header?.type === 'blob' && header.size === size;
}

function statOf({ size, mtimeMs, ctimeMs, ino }: fs.Stats): Known['stat'] {
  return [size, mtimeMs, ctimeMs, ino];
}

function read(file: string): Record<BytePath, Known> {
  try {
    const value = JSON.parse(readTextIfThere(file) ?? '{}') as { schema?: number; files?: Record<BytePath, Known> };
    return value.schema === 1 ? (value.files ?? {}) : {};
  } catch (error) {
    // A cache that cannot be read is an empty one.
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
