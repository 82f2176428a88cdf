import type { BytePath } from '../base/byte-path.ts';
import type { HeldDirectories } from '../base/held-directories.ts';
import { oidOf } from '../git/index-file.ts';
import { GITLINK, type TreeEntry, type TreeItem } from '../objects/trees.ts';
import type { ByteProofs } from '../scan/byte-proofs.ts';
import { capture } from '../scan/capture.ts';
import type { LargeFileCache } from '../scan/large-file-cache.ts';
import type { Candidate, Scan } from '../scan/scan.ts';
import type { UnreadableFiles } from '../scan/unreadable.ts';
import type { TakeContext } from './take-context.ts';

export interface CapturedFiles {
  /** The tracked paths whose content, mode or presence is not the index's. */
  readonly changes: Map<BytePath, TreeEntry | null>;
  readonly untracked: TreeItem[];
  /** The paths with the skip-worktree bit that are on disk. */
  readonly present: BytePath[];
}

/** What earlier takes know of files, and this one adds to. */
export interface CaptureMemory {
  readonly cache: LargeFileCache;
  readonly proofs: ByteProofs;
  readonly unreadable: UnreadableFiles;
  /** As the scan found them. */
  readonly tree: HeldDirectories;
}

/** Reads and stores every file that the scan could not prove unchanged. */
export async function captureFiles(take: TakeContext, scan: Scan, memory: CaptureMemory): Promise<CapturedFiles> {
  const { tree, cache, proofs, unreadable } = memory;
  const { git, tracked, writer, options } = take;
  const changes = new Map<BytePath, TreeEntry | null>();
  const untracked: TreeItem[] = [];
  const present: BytePath[] = [];
  const total = scan.suspects.length + scan.untracked.length;
  let done = 0;
  const step = () => options.onProgress?.({ phase: 'store', done: ++done, total });
  const captured = async (candidate: Candidate) => {
    const entry = await capture(tree, candidate, { writer, cache, unreadable });
    if (entry !== 'unreadable') return entry;
    scan.skipped.push({ path: candidate.path, reason: 'unreadable' });
    return null;
  };
  for (const suspect of scan.suspects) {
    const entry = tracked.entries[suspect.position]!;
    const now = await captured(suspect);
    const isIndexed = now?.oid === oidOf(git.index, entry) && now.mode === entry.mode;
    if (!isIndexed || entry.stage !== 0 || entry.intentToAdd) changes.set(suspect.path, now);
    else proofs.add(suspect.position);
    step();
  }
  tracked.entries.forEach((entry, position) => {
    if (entry.skipWorktree && scan.present[position] === 1) present.push(entry.path);
    // The skip-worktree bit means absence, and a submodule may never have been initialised.
    const mayBeAbsent = entry.skipWorktree || entry.mode === GITLINK;
    if (scan.present[position] === 0 && !mayBeAbsent) changes.set(entry.path, null);
  });
  for (const candidate of scan.untracked) {
    const entry = await captured(candidate);
    if (entry !== null) untracked.push({ path: candidate.path, ...entry });
    step();
  }
  // What was read is what lies there: no directory was swapped for another one meanwhile.
  tree.assertAllUnmoved();
  return { changes, untracked, present };
}
