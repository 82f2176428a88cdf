import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { createInflate, inflateSync, constants as zlib } from 'node:zlib';
import { readAt } from '../base/read-at.ts';
import { type ObjectType, objectHeader } from './object-id.ts';

/** Objects larger than this are read and written in pieces. */
export const LARGE_BYTES: number = 16 << 20;

/** An object that need not be read whole: where its zlib stream lies. */
export interface LargeObject {
  readonly type: ObjectType;
  readonly size: number;
  readonly file: string;
  /** Where the stream starts in the file. */
  readonly start: number;
  /** Bytes at the start of the inflated stream that are not content. */
  readonly header: number;
}

/** The type and size that a loose object's header says; null where it says none. */
export function looseHeader(
  file: string,
): { readonly type: ObjectType; readonly size: number; readonly header: number } | null {
  const fd = fs.openSync(file, 'r');
  try {
    // The longest header is `commit 9007199254740991`.
    const head = inflateSync(readAt(fd, 0, 256), { finishFlush: zlib.Z_SYNC_FLUSH }).subarray(0, 32);
    const nul = head.indexOf(0);
    const [, type, size] = /^(blob|tree|commit|tag) (\d+)$/.exec(head.toString('latin1', 0, nul)) ?? [];
    return type === undefined ? null : { type: type as ObjectType, size: Number(size), header: nul + 1 };
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * The content, a piece at a time.
 * @throws Error where it has another name or size than it should, after the last piece.
 */
export async function* streamObject(object: LargeObject, oid: string): AsyncGenerator<Buffer> {
  const source = fs.createReadStream(object.file, { start: object.start, highWaterMark: 1 << 18 });
  const inflate = createInflate({ chunkSize: 1 << 18 });
  source.on('error', (error) => inflate.destroy(error));
  source.pipe(inflate);
  const hash = createHash('sha1').update(objectHeader(object.type, object.size));
  let skip = object.header;
  let size = 0;
  try {
    for await (const chunk of inflate as AsyncIterable<Buffer>) {
      const piece = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - piece.length;
      if (piece.length === 0) continue;
      hash.update(piece);
      size += piece.length;
      yield piece;
    }
  } finally {
    source.destroy();
  }
  if (size !== object.size || hash.digest('hex') !== oid) throw new Error('its content has another name');
}
