import { codeOf } from '../base/errors.ts';
import { writeSealed } from '../git/sealed-file.ts';
import { hashObject } from '../objects/object-id.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import type { ProtectedObjects } from '../objects/protected-objects.ts';
import { decodeTagObjects, encodeTagObjects } from '../objects/tag-objects.ts';
import { findInTree, readTree } from '../objects/trees.ts';
import { knownTagsFile } from './held-by-refs.ts';
import type { LoadedSnapshot } from './load-snapshot.ts';
import type { TakeContext } from './take-context.ts';

/** Where the state tree holds tag objects. */
export const TAGS = 'tags';
/** Where the state tree holds blobs and trees that a tag names. */
export const TAGGED = 'tagged';

/** All that a take protects: what refs lead to, and what a restore adds of its target. */
export function protectedByTake({ git, extras }: TakeContext): ProtectedObjects {
  const { heldByRefs } = git;
  const added = extras.protectedObjects;
  if (added === undefined) return heldByRefs;
  return {
    commits: [...heldByRefs.commits, ...added.commits],
    tags: new Map([...added.tags, ...heldByRefs.tags]),
    others: [...heldByRefs.others, ...added.others],
  };
}

/** The bytes of the blob that holds the tag objects; null where there are none. */
export function encodeProtectedTags(take: TakeContext): Buffer | null {
  const { known, knownBytes } = take.git.heldByRefs;
  const { tags } = protectedByTake(take);
  if (tags.size === 0) return null;
  const isKnown = tags.size === known.size && [...tags.keys()].every((oid) => known.has(oid));
  return isKnown ? knownBytes : encodeTagObjects(tags);
}

/**
 * Lets the next take find the tag objects that this one has written. Without it that one reads them
 * again.
 */
export function rememberTags(take: TakeContext): void {
  const bytes = encodeProtectedTags(take);
  if (bytes === null || bytes === take.git.heldByRefs.knownBytes) return;
  try {
    writeSealed(knownTagsFile(take.repo), hashObject('blob', bytes));
  } catch (error) {
    // A directory has its name.
    if (codeOf(error) !== 'DEVS_NOT_A_FILE') throw error;
  }
}

/** What a snapshot protects. */
export function protectedBySnapshot(store: ObjectStore, snapshot: LoadedSnapshot): ProtectedObjects {
  const tags = findInTree(store, snapshot.stateTree, TAGS);
  const tagged = findInTree(store, snapshot.stateTree, TAGGED);
  return {
    commits: snapshot.protectedCommits,
    tags: tags === null ? new Map() : decodeTagObjects(store.read(tags.oid, 'blob')),
    others: tagged === null ? [] : [...readTree(store, tagged.oid).values()],
  };
}
