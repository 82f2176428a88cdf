import fs from 'node:fs';
import path from 'node:path';
import { toText } from '../base/byte-path.ts';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';
import { HeldDirectories } from '../base/held-directories.ts';
import { explained } from '../base/system-errors.ts';
import { deleteRef, updateRef } from '../git/refs.ts';
import { findRepository, type Place, type Repository } from '../git/repository.ts';
import { sharingOf } from '../git/shared-repository.ts';
import { ObjectStore } from '../objects/object-store.ts';
import { ObjectWriter } from '../objects/object-writer.ts';
import { writeTreeOf } from '../objects/trees.ts';
import { readOutsideIgnores } from '../scan/ignore-rules.ts';
import { LargeFileCache } from '../scan/large-file-cache.ts';
import { type Scan, scanWorkTree } from '../scan/scan.ts';
import { StatHelper } from '../scan/stat-helper.ts';
import { TrackedFiles } from '../scan/tracked-files.ts';
import { UnreadableFiles } from '../scan/unreadable.ts';
import { compareSizes, loadByteProofs, saveByteProofs } from './byte-comparison.ts';
import { type CaptureMemory, captureFiles } from './capture-files.ts';
import { resolveSnapshot } from './find-snapshot.ts';
import { loadSnapshot } from './load-snapshot.ts';
import type { Lack } from './manifest.ts';
import { pathHistoryOf } from './path-history.ts';
import { rememberTags } from './protected-objects.ts';
import { isUnchanged, readGitState } from './read-git-state.ts';
import { addSnapshotCommit } from './snapshot-commit.ts';
import { newSnapshotId, SNAPSHOT_REFS } from './snapshot-id.ts';
import { writeStateTree } from './state-tree.ts';
import { detachedCommits, readSurroundings } from './surroundings.ts';
import type { TakeContext, TakeRequest } from './take-context.ts';
import type { TakeExtras, TakeOptions, TakeReport } from './take-options.ts';
import { writeTrackedTrees } from './tracked-trees.ts';

const TRIES = 3;

/** What another attempt may not meet again. */
const PASSING: ReadonlySet<string> = new Set(['DEVS_DIRECTORY_MOVED', 'DEVS_REPOSITORY_BUSY']);

/** Twenty thousand index entries take roughly this many bytes. */
const HELPER_FROM_BYTES = 1_600_000;

const NO_EXTRAS: TakeExtras = { otherRules: null, isAnonymous: false };

/**
 * Takes a snapshot and returns a report. It is `AtomicSnapshot.take` for callers who need more than
 * the ref, such as the commit, HEAD or the number of changed files.
 */
export async function takeSnapshot(place: Place, label: string, options: TakeOptions = {}): Promise<TakeReport> {
  return explained(() => takeSince(findRepository(place), { label, options, extras: NO_EXTRAS }));
}

/** Takes a snapshot of the repository as it is, on no ref, for a comparison of its files. */
export async function takeAnonymous(place: Place, label: string, options: TakeOptions): Promise<TakeReport> {
  const extras = { ...NO_EXTRAS, isAnonymous: true, isTolerant: 'of git' as const };
  return takeSince(findRepository(place), { label, options, extras });
}

async function takeSince(repo: Repository, request: TakeRequest): Promise<TakeReport> {
  const { since } = request.options;
  if (since === undefined) return takeWithExtras(repo, request);
  using store = new ObjectStore(repo.commonDir, sharingOf(repo));
  const earlier = await loadSnapshot(repo, store, resolveSnapshot(repo, since));
  const { otherRules } = await pathHistoryOf(store, earlier, repo);
  return await takeWithExtras(repo, { ...request, extras: { ...request.extras, otherRules, since: earlier.oid } });
}

/**
 * Takes a snapshot, again where HEAD, the index or a directory changed meanwhile.
 * @throws AtomicSnapshotError `DEVS_REPOSITORY_BUSY`, `DEVS_DIRECTORY_MOVED`
 */
export async function takeWithExtras(repo: Repository, request: TakeRequest): Promise<TakeReport> {
  prepareTake(repo);
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    // Anew each time: what it knows of packs may be what was pruned.
    using store = new ObjectStore(repo.commonDir, sharingOf(repo));
    const lacks: Lack[] | null = (request.extras.isTolerant ?? false) ? [] : null;
    const git = readGitState(repo, store, lacks);
    const writer = new ObjectWriter(store);
    try {
      const tracked = new TrackedFiles(git.index);
      const ignores = readOutsideIgnores(repo);
      const report = await takeOnce({ ...request, repo, store, writer, git, tracked, ignores, lacks });
      if (report !== null) return report;
    } catch (error) {
      // The next attempt sees the directory that is there by then, and writes what was pruned.
      if (attempt === TRIES || !PASSING.has(codeOf(error))) throw error;
    } finally {
      writer.discard();
    }
  }
  throw new AtomicSnapshotError(
    'DEVS_REPOSITORY_BUSY',
    `${repo.root}: HEAD or the index kept changing, a git command is running; no snapshot was taken`,
    { hint: ['git', 'status'], data: { path: repo.root } },
  );
}

/**
 * Starts the thread that the next `take` of this process uses, ahead of time. Does nothing where
 * the repository is too small for it.
 */
export function prepareTake(repo: Repository): void {
  const size = fs.statSync(path.join(repo.gitDir, 'index'), { throwIfNoEntry: false })?.size ?? 0;
  if (size > HELPER_FROM_BYTES) StatHelper.prepare();
}

/** One attempt; null where HEAD or the index changed meanwhile. */
async function takeOnce(take: TakeContext): Promise<TakeReport | null> {
  const { repo, store, writer, git, tracked, options, extras } = take;
  const proofs = loadByteProofs(take);
  using unreadable = new UnreadableFiles(repo.root, {
    mayWiden: mayWiden(take),
    lacks: extras.isTolerant === true ? take.lacks : null,
  });
  using tree = new HeldDirectories(repo.root);
  const scan = scanTracked(take, { proofs, unreadable, tree });
  const suspects = [...scan.suspects, ...compareSizes(take, scan, proofs)];
  scan.skipped.push(...git.skipped);
  const cache = new LargeFileCache(repo, store.dir);
  const { changes, untracked, present } = await captureFiles(
    take,
    { ...scan, suspects },
    { cache, proofs, unreadable, tree },
  );
  const { indexTree, workTree } = writeTrackedTrees(writer, git.index, tracked, changes);
  const untrackedTree = writeTreeOf(writer, untracked);
  const inner = scan.skipped.filter(({ reason }) => reason === 'nested repository' || reason === 'submodule');
  const around = readSurroundings(
    repo,
    inner.map(({ path }) => path),
  );
  const stateTree = writeStateTree(take, scan, { present, around });
  options.onProgress?.({ phase: 'write', done: 0, total: writer.size });
  const oid = addSnapshotCommit(take, {
    workTree,
    indexTree,
    untrackedTree,
    stateTree,
    detached: detachedCommits(around),
  });

  if (!isUnchanged(repo, git)) return null;
  writer.flush();
  const ref = SNAPSHOT_REFS + newSnapshotId();
  if (!extras.isAnonymous) holdOrRetry(take, ref, oid);
  cache.save();
  rememberTags(take);
  saveByteProofs(take, proofs);
  return {
    ref,
    oid,
    head: git.head,
    changed: changes.size,
    untracked: untracked.length,
    skipped: scan.skipped.map(({ path, reason }) => ({ path: toText(path), reason })),
    objectsWritten: writer.written,
  };
}

/** Writes the ref; without one again where a git prune was faster. */
function holdOrRetry({ repo, writer }: TakeContext, ref: string, oid: string): void {
  updateRef(repo, ref, oid, null);
  try {
    writer.assertNotPruned();
  } catch (error) {
    deleteRef(repo, ref, oid);
    throw error;
  }
}

/** The snapshots that a command takes of what its task left, or before it overwrites that. */
function mayWiden({ options, extras }: TakeContext): boolean {
  return !extras.isAnonymous && (options.kind === 'after' || options.kind === 'safety');
}

type ScanMemory = Pick<CaptureMemory, 'proofs' | 'unreadable' | 'tree'>;

/** Looks at the work tree, with a second thread where the repository is large enough. */
function scanTracked(take: TakeContext, { proofs: byteProofs, unreadable, tree }: ScanMemory): Scan {
  const { repo, git, tracked, ignores, options, extras } = take;
  const { index } = git;
  const { includeIgnored = [], onProgress } = options;
  const helper = StatHelper.isWorthIt(index) ? StatHelper.take() : null;
  try {
    const proofs = helper?.look(repo.root, index, tracked.entries) ?? null;
    const total = tracked.entries.length;
    const onSeen = (done: number) => onProgress?.({ phase: 'scan', done, total });
    const { otherRules } = extras;
    const looks = { otherRules, byteProofs, proofs, onSeen, unreadable, tree };
    return scanWorkTree({ repo, index, tracked, ignores, includeIgnored, ...looks });
  } finally {
    helper?.giveBack();
  }
}
