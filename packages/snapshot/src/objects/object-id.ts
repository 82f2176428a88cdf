import { createHash, hash } from 'node:crypto';
import fs from 'node:fs';
import { openOwn } from '../base/open-own.ts';

export type ObjectType = 'blob' | 'tree' | 'commit' | 'tag';

export interface RawObject {
  readonly type: ObjectType;
  readonly body: Buffer;
}

export function objectHeader(type: ObjectType, size: number): Buffer {
  return Buffer.from(`${type} ${size}\0`, 'latin1');
}

const COPY_BELOW = 1 << 16;

export function hashObject(type: ObjectType, body: Uint8Array): string {
  const header = objectHeader(type, body.length);
  // One call costs a small object less than three do. A large one is not worth the copy.
  if (body.length < COPY_BELOW) return hash('sha1', Buffer.concat([header, body]), 'hex');
  return createHash('sha1').update(header).update(body).digest('hex');
}

/**
 * Returns the name of the blob that a file of `size` bytes would be. A file that has another size
 * by now gets a name that no object has.
 */
export function hashFile(file: string | Buffer, size: number): string {
  const sum = createHash('sha1').update(objectHeader('blob', size));
  const fd = openOwn(file);
  try {
    const buffer = Buffer.allocUnsafe(Math.min(1 << 20, size + 1));
    for (let read = fs.readSync(fd, buffer); read > 0; read = fs.readSync(fd, buffer)) {
      sum.update(buffer.subarray(0, read));
    }
  } finally {
    fs.closeSync(fd);
  }
  return sum.digest('hex');
}

/** Git knows the empty tree even where no object store holds it. */
export const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
