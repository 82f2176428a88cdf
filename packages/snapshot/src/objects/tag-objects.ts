import { hashObject, type ObjectType } from './object-id.ts';

/** The objects of annotated tags, by their names. */
export type TagObjects = ReadonlyMap<string, Buffer>;

/** Reads what an annotated tag names; null where git cannot read it either. */
export function parseTag(body: Buffer): { readonly object: string; readonly type: ObjectType } | null {
  const [, object, type] =
    /^object ([0-9a-f]{40})\ntype (commit|tree|blob|tag)\n/.exec(body.toString('latin1', 0, 80)) ?? [];
  return object === undefined ? null : { object, type: type as ObjectType };
}

/**
 * Encodes tag objects as the bytes of one file, sorted by name: each has a line `<name> <size>`,
 * its bytes, and a line end. A tree cannot name a tag, and only commits are parents of commits, so
 * this is how a tag object outlives its ref.
 */
export function encodeTagObjects(tags: TagObjects): Buffer {
  const sorted = [...tags].sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.concat(
    sorted.flatMap(([oid, body]) => [Buffer.from(`${oid} ${body.length}\n`), body, Buffer.from('\n')]),
  );
}

const LINE = /^([0-9a-f]{40}) (\d{1,9})\n/;

/** Decodes tag objects and checks each against its name. Decoding ends at the first fault. */
export function decodeTagObjects(bytes: Buffer): TagObjects {
  const tags = new Map<string, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const [line, oid, digits] = LINE.exec(bytes.toString('latin1', at, at + 52)) ?? [];
    if (line === undefined) break;
    const start = at + line.length;
    const body = bytes.subarray(start, start + Number(digits));
    if (hashObject('tag', body) !== oid) break;
    tags.set(oid, body);
    at = start + body.length + 1;
  }
  return tags;
}
