import type { ObjectStore } from './object-store.ts';
import { parseTag, type TagObjects } from './tag-objects.ts';
import { DIRECTORY, REGULAR, type TreeEntry } from './trees.ts';

/** What a snapshot must hold so that git prunes nothing of some refs once they are deleted. */
export interface ProtectedObjects {
  readonly commits: readonly string[];
  /** The objects of annotated tags, those that a tag of a tag names among them. */
  readonly tags: TagObjects;
  /** Blobs and trees: a tag may name any object. */
  readonly others: readonly TreeEntry[];
}

/** Git follows tags of tags without end; no real repository has more of them than this. */
const MAX_NESTED_TAGS = 100;
/** Larger tag objects are not copied. A tag is a message and a signature. */
const MAX_TAG_BYTES = 1 << 20;

/**
 * Follows each of `oids` to what it leads to. An object that is missing, as in a shallow clone, or
 * damaged is left out: it cannot be lost any more, and a commit that git cannot read would break
 * every `git gc`. `known` tag objects are not read again.
 */
export function protectedObjects(store: ObjectStore, oids: Iterable<string>, known: TagObjects): ProtectedObjects {
  const commits = new Set<string>();
  const tags = new Map<string, Buffer>();
  const others = new Map<string, TreeEntry>();
  for (const start of new Set(oids)) {
    let oid = start;
    for (let nested = 0; nested < MAX_NESTED_TAGS; nested++) {
      const type = known.has(oid) ? 'tag' : store.typeOf(oid);
      if (type === 'commit') commits.add(oid);
      else if (type === 'blob') others.set(oid, { mode: REGULAR, oid });
      else if (type === 'tree') others.set(oid, { mode: DIRECTORY, oid });
      if (type !== 'tag' || tags.has(oid)) break;
      const body = known.get(oid) ?? readTag(store, oid);
      const tag = body === null ? null : parseTag(body);
      if (body === null || tag === null) break;
      tags.set(oid, body);
      oid = tag.object;
    }
  }
  return { commits: [...commits], tags, others: [...others.values()] };
}

function readTag(store: ObjectStore, oid: string): Buffer | null {
  if ((store.sizeOf(Buffer.from(oid, 'hex')) ?? 0) > MAX_TAG_BYTES) return null;
  return store.findSound(oid, 'tag');
}
