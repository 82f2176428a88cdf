import fs from 'node:fs';
import path from 'node:path';
import type { BytePath } from '../base/byte-path.ts';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';
import type { Repository } from '../git/repository.ts';
import { readSealed, type SealedFile, writeSealed } from '../git/sealed-file.ts';
import { type LooseHeader, looseHeader, loosePath } from '../objects/loose-object.ts';

/**
 * A file that was written this short a time before it was read could change again without its times
 * showing it.
 */
const RACY_MS = 2_000;
/** A hundred thousand large files need less. */
const MAX_BYTES = 1 << 26;

interface Known {
  readonly oid: string;
  /** Of the file, when it was read. */
  readonly stat: readonly [size: number, mtimeMs: number, ctimeMs: number, ino: number];
  /** Of the loose object that holds it: size on disk. */
  readonly stored: number;
}

/**
 * Remembers which large files were stored already, so that a second snapshot does not read and
 * write gigabytes again. For small files that would save nothing: an object is trusted only if it
 * reads back, which costs as much as reading the file. A large one is trusted while its own file,
 * which was flushed when it was written, has the size it had then.
 */
export class LargeFileCache {
  readonly #file: SealedFile;
  readonly #objectsDir: string;
  readonly #before: ReadonlyMap<BytePath, Known>;
  readonly #now = new Map<BytePath, Known>();

  constructor({ gitDir, commonDir }: Repository, objectsDir: string) {
    const file = path.join(gitDir, 'devs', 'large-files.json');
    this.#file = { file, commonDir, kind: 'large files', maxBytes: MAX_BYTES };
    this.#objectsDir = objectsDir;
    this.#before = read(this.#file);
  }

  /**
   * The object that holds the file as it is now, its time renewed so that no prune takes it; null
   * where none is known.
   */
  find(file: BytePath, stat: fs.Stats): string | null {
    const known = this.#before.get(file);
    if (known === undefined || !known.stat.every((value, i) => value === statOf(stat)[i])) return null;
    const object = loosePath(this.#objectsDir, known.oid);
    const stored = fs.statSync(object, { throwIfNoEntry: false });
    if (stored?.size !== known.stored || !isWhole(looseHeader(object), stat.size)) return null;
    const now = new Date();
    fs.utimesSync(object, now, now);
    this.#now.set(file, known);
    return known.oid;
  }

  add(file: BytePath, stat: fs.Stats, oid: string): void {
    if (Date.now() - Math.max(stat.mtimeMs, stat.ctimeMs) < RACY_MS) return;
    const stored = fs.statSync(loosePath(this.#objectsDir, oid)).size;
    this.#now.set(file, { oid, stat: statOf(stat), stored });
  }

  /** Writes down what this snapshot saw. Without it the next one is slower, no more. */
  save(): void {
    const body = { schema: 2, files: [...this.#now] };
    if (JSON.stringify(body) === JSON.stringify({ schema: 2, files: [...this.#before] })) return;
    try {
      writeSealed(this.#file, body);
    } catch (error) {
      // A directory has its name. The cache can be done without.
      if (codeOf(error) !== 'DEVS_NOT_A_FILE') throw error;
    }
  }
}

function isWhole(header: Pick<LooseHeader, 'type' | 'size'> | null, size: number): boolean {
  return header?.type === 'blob' && header.size === size;
}

function statOf({ size, mtimeMs, ctimeMs, ino }: fs.Stats): Known['stat'] {
  return [size, mtimeMs, ctimeMs, ino];
}

/** A cache that another program wrote, or that cannot be read, is an empty one. */
function read(file: SealedFile): ReadonlyMap<BytePath, Known> {
  const content = readIfSealed(file);
  const { schema, files } = (content ?? {}) as { readonly schema?: unknown; readonly files?: unknown };
  if (schema !== 2 || !Array.isArray(files)) return new Map();
  return new Map(files.filter(isEntry));
}

function readIfSealed(file: SealedFile): unknown {
  try {
    const content = readSealed(file);
    return content.state === 'sound' ? content.body : null;
  } catch (error) {
    if (error instanceof AtomicSnapshotError && error.code === 'DEVS_SEAL_KEY_UNSAFE') return null;
    throw error;
  }
}

function isEntry(entry: unknown): entry is [BytePath, Known] {
  const [file, known] = Array.isArray(entry) ? (entry as [unknown, Partial<Known> | null]) : [];
  return (
    typeof file === 'string' &&
    typeof known?.oid === 'string' &&
    /^[0-9a-f]{40}$/.test(known.oid) &&
    typeof known.stored === 'number' &&
    Array.isArray(known.stat) &&
    known.stat.length === 4
  );
}
