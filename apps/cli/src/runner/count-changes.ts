import type { Changes } from '@devs/db';
import { AtomicSnapshot, type Place } from '@devs/snapshot';

/** Comparing texts takes a millisecond a file; beyond this many only the files are counted. */
const MAX_FILES = 500;

/**
 * How many files differ between two snapshots, and how many lines of them. Lines are null where
 * there are too many.
 */
export async function countChanges(place: Place, before: string, after: string): Promise<Changes> {
  const files = await AtomicSnapshot.diff(place, before, after);
  if (files.length > MAX_FILES) return { files: files.length, added: null, deleted: null };
  const counted = await AtomicSnapshot.diff(place, before, after, { lines: true });
  const sum = (key: 'added' | 'deleted') => counted.reduce((total, entry) => total + (entry[key] ?? 0), 0);
  return { files: files.length, added: sum('added'), deleted: sum('deleted') };
}
