import { type BytePath, parentOf, toText } from '../base/byte-path.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { SYMLINK } from '../objects/trees.ts';
import { invalidSnapshot } from '../snapshot/load-snapshot.ts';
import type { RestorePlan } from './restore-plan.ts';

/** Linux follows no longer link; other systems even less. */
const MAX_LINK_BYTES = 4095;

/**
 * Refuses a snapshot that wants a file, or a link, where it also wants a directory. Its two trees
 * of files are checked one by one, and only together do they say that.
 * @throws AtomicSnapshotError `DEVS_SNAPSHOT_INVALID`
 */
export function assertPlanIsTree(ref: string, plan: Pick<RestorePlan, 'writes' | 'createDirectories'>): void {
  const files = new Set(plan.writes.map(({ path }) => path));
  const seen = new Set<BytePath>(['']);
  const assertDirectory = (lowest: BytePath) => {
    for (let dir = lowest; !seen.has(dir); dir = parentOf(dir)) {
      if (files.has(dir)) throw invalidSnapshot(ref, `it holds ${quoted(dir)} as a file and as a directory`);
      seen.add(dir);
    }
  };
  for (const path of files) assertDirectory(parentOf(path));
  for (const dir of plan.createDirectories) assertDirectory(dir);
}

/**
 * Reads the objects of all files that the plan writes, and the targets of links, of which no system
 * can make one that is empty, very long, or holds a NUL byte.
 * @throws AtomicSnapshotError `DEVS_SNAPSHOT_INVALID`, `DEVS_OBJECT_MISSING`, `DEVS_OBJECT_DAMAGED`
 */
export async function proveReadable(
  store: ObjectStore,
  ref: string,
  plan: RestorePlan,
  onDone: (done: number) => void,
): Promise<void> {
  for (const [done, { path, to }] of plan.writes.entries()) {
    onDone(done);
    let size = 0;
    let hasNul = false;
    for await (const chunk of store.readBlob(to!.oid)) {
      size += chunk.length;
      hasNul ||= to!.mode === SYMLINK && chunk.includes(0);
    }
    if (to!.mode === SYMLINK && (size === 0 || size > MAX_LINK_BYTES || hasNul))
      throw invalidSnapshot(ref, `the link ${quoted(path)} leads to what is no path`);
  }
}

function quoted(path: BytePath): string {
  return JSON.stringify(toText(path));
}
