import type { MovedRef } from '../git/other-refs.ts';
import { writeLoose } from '../objects/loose-writer.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { parseTag } from '../objects/tag-objects.ts';
import type { LoadedSnapshot } from '../snapshot/load-snapshot.ts';
import { protectedBySnapshot } from '../snapshot/protected-objects.ts';

/**
 * Writes the objects of annotated tags again that git pruned, so that the way back that is printed
 * for each moved ref works. The commits they name were never pruned.
 */
export function writeTagObjects(store: ObjectStore, snapshot: LoadedSnapshot, moved: readonly MovedRef[]): void {
  const missing = moved.flatMap(({ before }) => (before === null || store.contains(before) ? [] : [before]));
  if (missing.length === 0) return;
  const { tags } = protectedBySnapshot(store, snapshot);
  for (const start of missing) {
    let oid = start;
    for (let body = tags.get(oid); body !== undefined && !store.contains(oid); body = tags.get(oid)) {
      writeLoose(store, oid, 'tag', body);
      // A tag can name another tag.
      oid = parseTag(body)?.object ?? '';
    }
  }
}
