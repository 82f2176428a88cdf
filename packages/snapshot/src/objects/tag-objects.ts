import { hashObject, type ObjectType } from './object-id.ts';

/** The objects of annotated tags, by their names. */
export type TagObjects = ReadonlyMap<string, Buffer>;

/** What an annotated tag names, by its first two lines; null where git would not read them either. */
export function parseTag(body: Buffer): { readonly object: string; readonly type: ObjectType } | null {
  const [, object, type] =
    /^object ([0-9a-f]{40})\ntype (commit|tree|blob|tag)\n/.exec(body.toString('latin1', 0, 80)) ?? [];
  return object === undefined ? null : { object, type: type as ObjectType };
}

/**
 * Tag objects as the bytes of one file, sorted by name: of each a line `<name> <size>`, its bytes, and
 * a line end. A tree can name no tag and a commit has only commits for parents, so this is how a tag
 * object outlives its ref.
 */
export function encodeTagObjects(tags: TagObjects): Buffer {
  const sorted = [...tags].sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.concat(
    sorted.flatMap(([oid, body]) => [Buffer.from(`${oid} ${body.length}\n`), body, Buffer.from('\n')]),
  );
}

const LINE = /^([0-9a-f]{40}) (\d{1,9})\n/;

/** The tag objects that are whole: each is checked against its name, and reading ends at the first fault. */
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
