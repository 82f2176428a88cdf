import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { constants, createDeflate, deflateSync } from 'node:zlib';
import { flushDirectory, removeIfThere, renameOver, temporaryName, writeAll, writeNewFile } from '../base/durable.ts';
import { loosePath } from './loose-object.ts';
import { type ObjectType, objectHeader } from './object-id.ts';

/** Writes one loose object, durably: temporary file, flush, rename, flush of the directory. */
export function writeLoose(objectsDir: string, oid: string, type: ObjectType, body: Uint8Array): void {
  const temporary = path.join(objectsDir, `tmp_obj_devs_${temporaryName()}`);
  const bytes = deflateSync(Buffer.concat([objectHeader(type, body.length), body]), { level: constants.Z_BEST_SPEED });
  writeNewFile(temporary, [bytes], { mode: 0o444 });
  moveIntoPlace(objectsDir, temporary, oid);
}

/**
 * Stores the `size` bytes that `chunks` yields as a loose blob, without holding them in memory, and
 * returns its name. Returns null where there were more or fewer bytes.
 */
export async function streamLooseBlob(
  objectsDir: string,
  size: number,
  chunks: () => Iterable<Buffer>,
): Promise<string | null> {
  const temporary = path.join(objectsDir, `tmp_obj_devs_${temporaryName()}`);
  const fd = fs.openSync(temporary, 'wx', 0o444);
  let oid: string | null = null;
  try {
    const hash = createHash('sha1');
    const deflate = createDeflate({ level: constants.Z_BEST_SPEED, chunkSize: 1 << 18 });
    const stored = (async () => {
      for await (const compressed of deflate) writeAll(fd, compressed as Buffer);
    })();
    const header = objectHeader('blob', size);
    hash.update(header);
    deflate.write(header);
    let seen = 0;
    for (const chunk of chunks()) {
      hash.update(chunk);
      seen += chunk.length;
      if (!deflate.write(chunk)) await new Promise((resolve) => deflate.once('drain', resolve));
    }
    deflate.end();
    await stored;
    fs.fsyncSync(fd);
    oid = seen === size ? hash.digest('hex') : null;
  } finally {
    fs.closeSync(fd);
    if (oid === null) removeIfThere(temporary);
  }
  if (oid !== null) moveIntoPlace(objectsDir, temporary, oid);
  return oid;
}

function moveIntoPlace(objectsDir: string, temporary: string, oid: string): void {
  const file = loosePath(objectsDir, oid);
  const dir = path.dirname(file);
  if (fs.mkdirSync(dir, { recursive: true }) !== undefined) flushDirectory(objectsDir);
  renameOver(temporary, file);
  flushDirectory(dir);
}
