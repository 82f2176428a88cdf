import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { createInflate } from 'node:zlib';
import { DamagedBytes } from './damaged-bytes.ts';
import { openObjectFile } from './object-file.ts';
import { type ObjectType, objectHeader } from './object-id.ts';

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

/**
 * Yields the content, a piece at a time. Whether it has the right name shows after the last piece.
 * @throws DamagedBytes, or zlib's error, where the content has another name or size than it should.
 */
export async function* streamObject(object: LargeObject, oid: string): AsyncGenerator<Buffer> {
  const opened = openObjectFile(object.file);
  if (opened === null) throw new DamagedBytes(`${object.file} is gone`);
  const source = fs.createReadStream('', { fd: opened.fd, start: object.start, highWaterMark: 1 << 18 });
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
      size += piece.length;
      // A stream that says it is smaller than it is must not fill the disk.
      if (size > object.size) break;
      hash.update(piece);
      yield piece;
    }
  } finally {
    source.destroy();
  }
  if (size !== object.size || hash.digest('hex') !== oid) throw new DamagedBytes('its content has another name');
}
