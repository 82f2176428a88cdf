import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { constants, createDeflate, deflateSync } from 'node:zlib';
import { flushDirectory, removeIfThere, renameOver, temporaryName, writeAll, writeNewFile } from '../base/durable.ts';
import { openOrMake, type RealDirectory } from '../base/real-directory.ts';
import { adjustShared, type Sharing } from '../base/sharing.ts';
import { loosePath } from './loose-object.ts';
import { type ObjectType, objectHeader } from './object-id.ts';
import { orPruned } from './pruned.ts';

/** An object directory, and who may use what is made in it. */
export interface ObjectPlace {
  readonly dir: string;
  readonly sharing: Sharing;
}

/** Writes one loose object, durably: temporary file, flush, rename, flush of the directory. */
export function writeLoose(place: ObjectPlace, oid: string, type: ObjectType, body: Uint8Array): void {
  using objects = openObjects(place);
  const temporary = objects.at(`tmp_obj_devs_${temporaryName()}`, (file) => file);
  const bytes = deflateSync(Buffer.concat([objectHeader(type, body.length), body]), { level: constants.Z_BEST_SPEED });
  writeNewFile(temporary, [bytes], { mode: 0o444, sharing: place.sharing });
  moveIntoPlace(place, temporary, oid);
}

/**
 * Stores the `size` bytes that `chunks` yields as a loose blob, without holding them in memory, and
 * returns its name. Returns null where there were more or fewer bytes.
 */
export async function streamLooseBlob(
  place: ObjectPlace,
  size: number,
  chunks: () => Iterable<Buffer>,
): Promise<string | null> {
  using objects = openObjects(place);
  const temporary = objects.at(`tmp_obj_devs_${temporaryName()}`, (file) => file);
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
    adjustShared(fd, place.sharing);
    fs.fsyncSync(fd);
    oid = seen === size ? hash.digest('hex') : null;
  } finally {
    fs.closeSync(fd);
    if (oid === null) removeIfThere(temporary);
  }
  if (oid !== null) moveIntoPlace(place, temporary, oid);
  return oid;
}

/** Opened through no link, so that nothing is written anywhere else. */
function openObjects({ dir, sharing }: ObjectPlace): RealDirectory {
  return openOrMake(dir, 0o777, (made) => adjustShared(made, sharing));
}

function moveIntoPlace({ dir, sharing }: ObjectPlace, temporary: string, oid: string): void {
  const file = loosePath(dir, oid);
  let isNew = false;
  using parent = openOrMake(path.dirname(file), 0o777, (made) => {
    adjustShared(made, sharing);
    isNew = true;
  });
  if (isNew) flushDirectory(dir);
  orPruned(dir, () => parent.at(path.basename(file), (target) => renameOver(temporary, target)));
  parent.flush();
}
