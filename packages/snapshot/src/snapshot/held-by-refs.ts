import path from 'node:path';
import type { OtherRefs } from '../git/other-refs.ts';
import type { Repository } from '../git/repository.ts';
import { readSealed, type SealedFile } from '../git/sealed-file.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { type ProtectedObjects, protectedObjects } from '../objects/protected-objects.ts';
import { decodeTagObjects, type TagObjects } from '../objects/tag-objects.ts';

/**
 * What branches, tags and stash entries lead to, and the tag objects that an earlier take has read.
 */
export interface HeldByRefs extends ProtectedObjects {
  readonly known: TagObjects;
  /** The bytes of the blob that holds those. */
  readonly knownBytes: Buffer;
}

const NONE = Buffer.alloc(0);
const OID = /^[0-9a-f]{40}$/;

/**
 * What git would prune once the refs are gone. Reading ten thousand tags would take longer than all
 * the rest of a take, so a file remembers which blob holds them: each tag object in it is checked
 * against its name, and only new ones are read.
 */
export function readHeldByRefs(repo: Repository, store: ObjectStore, refs: OtherRefs): HeldByRefs {
  const hasTags = [...refs.keys()].some((name) => name.startsWith('refs/tags/'));
  const knownBytes = hasTags ? readKnownTags(repo, store) : NONE;
  const known = decodeTagObjects(knownBytes);
  return { ...protectedObjects(store, refs.values(), known), known, knownBytes };
}

/** Names the blob that holds the tag objects of the last take. */
export function knownTagsFile({ commonDir }: Repository): SealedFile {
  return { file: path.join(commonDir, 'devs', 'tag-objects.json'), commonDir, kind: 'tag objects', maxBytes: 1 << 10 };
}

function readKnownTags(repo: Repository, store: ObjectStore): Buffer {
  const content = readSealed(knownTagsFile(repo));
  const oid = content.state === 'sound' ? String(content.body) : '';
  return (OID.test(oid) ? store.findSound(oid, 'blob') : null) ?? NONE;
}
