import fs from 'node:fs';
import path from 'node:path';
import { type BytePath, toText } from '../base/byte-path.ts';
import { AtomicSnapshotError } from '../base/errors.ts';
import { explained } from '../base/system-errors.ts';
import { type GitIndex, oidOf, readIndex } from '../git/index-file.ts';
import { mentionedObjects, readOperationFiles } from '../git/operation-files.ts';
import { commitsOf, encodeOtherRefs, type OtherRefs, readOtherRefs } from '../git/other-refs.ts';
import { type Head, readHead, updateRef } from '../git/refs.ts';
import { findRepository, type Place, type Repository } from '../git/repository.ts';
import { addCommit, readMessage } from '../objects/commit-text.ts';
import { ObjectStore } from '../objects/object-store.ts';
import { ObjectWriter } from '../objects/object-writer.ts';
import { DIRECTORY, GITLINK, REGULAR, readTree, type TreeEntry, type TreeItem, writeTreeOf } from '../objects/trees.ts';
import { capture } from '../scan/capture.ts';
import { type OutsideIgnores, readOutsideIgnores, type TreeIgnoreRules } from '../scan/ignore-rules.ts';
import { LargeFileCache } from '../scan/large-file-cache.ts';
import { type Scan, type Skipped, scanWorkTree } from '../scan/scan.ts';
import { StatHelper } from '../scan/stat-helper.ts';
import { TrackedFiles } from '../scan/tracked-files.ts';
import { loadSnapshot, resolveSnapshot } from './load-snapshot.ts';
import { encodeManifest } from './manifest.ts';
import { knownThen } from './path-history.ts';
import { newSnapshotId, SNAPSHOT_REFS } from './snapshot-id.ts';
import type { SnapshotKind } from './snapshot-kind.ts';
import { writeKeptTree, writeTrackedTrees } from './tracked-trees.ts';

/**
 * How far a take or a restore is. `scan`, `store`: tracked files looked at, changed and untracked files read. `write`: new
 * objects. `prove`, `apply`: files of a restore.
 */
export interface Progress {
  readonly phase: 'scan' | 'store' | 'write' | 'prove' | 'apply';
  readonly done: number;
  readonly total: number;
}

export interface TakeOptions {
  readonly kind?: SnapshotKind;
  /** Name of the run it belongs to, kept in the commit's message. */
  readonly runId?: string;
  /** Patterns, as in `.gitignore`, of ignored files to capture all the same. */
  readonly includeIgnored?: readonly string[];
  /**
   * A snapshot (ref or id) taken earlier: what its ignore rules do not cover, or what it holds, is captured even if it is
   * ignored by now. So that a task cannot hide what it did.
   */
  readonly since?: string;
  /** More lines for the commit's message, `Devs-<key>: <value>`, given back by `list` and `show`. */
  readonly trailers?: Readonly<Record<string, string>>;
  readonly onProgress?: (progress: Progress) => void;
}

export interface TakeReport {
  readonly ref: string;
  readonly oid: string;
  readonly head: Head;
  /** Tracked files that differ from the index, deleted ones included. */
  readonly changed: number;
  readonly untracked: number;
  /** What was seen and not captured, and why. */
  readonly skipped: readonly { readonly path: string; readonly reason: Skipped['reason'] }[];
  readonly objectsWritten: number;
}

/** How the subject of every snapshot begins. */
export const SUBJECT = 'devs-snapshot-';

const TRIES = 3;
/** The index is large and half of it is hashes: compressing it costs more than writing it. */
const STORED = 0;

/** What a restore asks of its safety snapshot. */
export interface TakeExtras {
  /** What these rules do not ignore is captured even where today's rules do. */
  readonly otherRules: Pick<TreeIgnoreRules, 'ignores'> | null;
  /** Commits to keep from being pruned. */
  readonly keep: readonly string[];
  /** Writes the commit and gives it no ref: for looking at it now, and git prunes it later. */
  readonly isAnonymous: boolean;
}

const NO_EXTRAS: TakeExtras = { otherRules: null, keep: [], isAnonymous: false };

/** Everything `AtomicSnapshot.take` promises, with a report of what was captured. */
export async function takeSnapshot(place: Place, label: string, options: TakeOptions = {}): Promise<TakeReport> {
  return explained(() => takeSince(place, label, options, NO_EXTRAS));
}

/** A snapshot of the repository as it is, on no ref. */
export async function takeAnonymous(place: Place, label: string, options: TakeOptions): Promise<TakeReport> {
  return takeSince(place, label, options, { ...NO_EXTRAS, isAnonymous: true });
}

async function takeSince(place: Place, label: string, options: TakeOptions, extras: TakeExtras): Promise<TakeReport> {
  const repo = findRepository(place);
  if (options.since === undefined) return takeWithExtras(repo, label, options, extras);
  using store = new ObjectStore(repo.commonDir);
  const { ref, oid } = resolveSnapshot(repo, options.since);
  const since = await loadSnapshot(store, ref, oid);
  const { otherRules } = knownThen(store, since, repo.config.bool('core.ignorecase', false));
  return await takeWithExtras(repo, label, options, { ...extras, otherRules });
}

export async function takeWithExtras(
  repo: Repository,
  label: string,
  options: TakeOptions,
  extras: TakeExtras,
): Promise<TakeReport> {
  prepareTake(repo);
  using store = new ObjectStore(repo.commonDir);
  for (let attempt = 1; ; attempt++) {
    const state = readGitState(repo, store);
    const writer = new ObjectWriter(store);
    try {
      const report = await takeOnce(repo, store, writer, state, label, options, extras);
      if (report !== null) return report;
    } finally {
      writer.discard();
    }
    if (attempt === TRIES) {
      throw new AtomicSnapshotError(
        'DEVS_REPOSITORY_BUSY',
        `${repo.root}: HEAD or the index kept changing, a git command is running; no snapshot was taken`,
        {
          hint: 'git status',
          data: { path: repo.root },
        },
      );
    }
  }
}

/**
 * Starts the thread that the next `take` of this process uses, ahead of time. Does nothing where the repository is too
 * small for it.
 */
export function prepareTake(repo: Repository): void {
  const size = fs.statSync(path.join(repo.gitDir, 'index'), { throwIfNoEntry: false })?.size ?? 0;
  if (size > HELPER_FROM_BYTES) StatHelper.prepare();
}

/** Twenty thousand entries, roughly. */
const HELPER_FROM_BYTES = 1_600_000;

interface GitState {
  readonly head: Head;
  readonly headBytes: Buffer;
  readonly index: GitIndex;
  readonly operation: Map<string, Buffer>;
  readonly otherRefs: OtherRefs;
}

function readGitState(repo: Repository, store: ObjectStore): GitState {
  return {
    head: readHead(repo),
    headBytes: fs.readFileSync(path.join(repo.gitDir, 'HEAD')),
    index: readIndex(repo.gitDir, (oid) => readTree(store, oid)),
    operation: readOperationFiles(repo.gitDir),
    otherRefs: readOtherRefs(repo),
  };
}

/** Whether HEAD and the index still are what the snapshot was built from. */
function isUnchanged(repo: Repository, state: GitState): boolean {
  const head = readHead(repo);
  if (head.branch !== state.head.branch || head.oid !== state.head.oid) return false;
  const stat = fs.statSync(path.join(repo.gitDir, 'index'), { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return state.index.bytes === null;
  return stat.mtimeNs === state.index.mtimeNs && Number(stat.size) === state.index.bytes?.length;
}

/** One attempt; null where HEAD or the index changed meanwhile. */
async function takeOnce(
  repo: Repository,
  store: ObjectStore,
  writer: ObjectWriter,
  state: GitState,
  label: string,
  options: TakeOptions,
  { otherRules, keep, isAnonymous }: TakeExtras,
): Promise<TakeReport | null> {
  const { index, head } = state;
  const { includeIgnored = [], onProgress } = options;
  const tracked = new TrackedFiles(index);
  const ignores = readOutsideIgnores(repo);
  const helper = StatHelper.isWorthIt(index) ? StatHelper.take() : null;
  let scan: Scan;
  try {
    const proofs = helper?.look(repo.root, index, tracked.entries) ?? null;
    const total = tracked.entries.length;
    const onSeen = (done: number) => onProgress?.({ phase: 'scan', done, total });
    scan = scanWorkTree({ repo, index, tracked, ignores, includeIgnored, otherRules, proofs, onSeen });
  } finally {
    helper?.giveBack();
  }
  const cache = new LargeFileCache(repo.gitDir, store.dir);
  const captured = await captureFiles(repo, index, tracked, scan, writer, cache, onProgress);
  const { indexTree, workTree } = writeTrackedTrees(writer, index, tracked, captured.changes);
  const untrackedTree = writeTreeOf(writer, captured.untracked);
  const skipped = scan.skipped.map(({ path, reason }) => ({ path: toText(path), reason }));
  const stateTree = writeStateTree(writer, state, tracked, scan, ignores, includeIgnored, captured.present);

  onProgress?.({ phase: 'write', done: 0, total: writer.size });
  const base =
    head.oid ??
    addCommit(writer, { tree: writeTreeOf(writer, []), parents: [], message: 'devs: no commit yet\n', time: 0 });
  // The side commits carry HEAD's time, so that taking the same state again writes none of them again.
  const time = head.oid === null ? 0 : readMessage(store.read(head.oid, 'commit')).time;
  const where = head.branch?.replace('refs/heads/', '') ?? '(no branch)';
  const add = (tree: string, parents: readonly string[], message: string, at = time) =>
    addCommit(writer, { tree, parents, message, time: at });
  const indexCommit = add(indexTree, [base], `index on ${where}\n`);
  const untrackedCommit = add(untrackedTree, [], `untracked files on ${where}\n`);
  const mentioned = mentionedObjects(state.operation).filter((oid) => store.find(oid)?.type === 'commit');
  const held = [...commitsOf(state.otherRefs), ...keep].filter((oid) => oid !== head.oid && store.contains(oid));
  const stateCommit = add(stateTree, [...new Set([...mentioned, ...held])], `devs state on ${where}\n`);
  const parents = [base, indexCommit, untrackedCommit, stateCommit];
  const oid = add(workTree, parents, messageOf(label, repo.workTreeName, options), Math.floor(Date.now() / 1000));

  if (!isUnchanged(repo, state)) return null;
  writer.flush();
  const ref = SNAPSHOT_REFS + newSnapshotId();
  if (!isAnonymous) updateRef(repo, ref, oid, null);
  cache.save();
  const { changes, untracked } = captured;
  return {
    ref,
    oid,
    head,
    changed: changes.size,
    untracked: untracked.length,
    skipped,
    objectsWritten: writer.written,
  };
}

function messageOf(label: string, workTree: string | null, options: TakeOptions): string {
  const { kind = 'manual', runId, trailers = {} } = options;
  const all = Object.entries({
    Kind: kind,
    ...(runId === undefined ? {} : { Run: runId }),
    ...(workTree === null ? {} : { Worktree: workTree }),
    ...trailers,
  });
  return `${SUBJECT}${oneLine(label)}\n\n${all.map(([key, value]) => `Devs-${key}: ${oneLine(value)}\n`).join('')}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}

interface Captured {
  /** Tracked paths whose content, mode or presence is not the index's. */
  readonly changes: Map<BytePath, TreeEntry | null>;
  readonly untracked: TreeItem[];
  /** Paths with the skip-worktree bit that are on disk. */
  readonly present: BytePath[];
}

async function captureFiles(
  repo: Repository,
  index: GitIndex,
  tracked: TrackedFiles,
  scan: Scan,
  writer: ObjectWriter,
  cache: LargeFileCache,
  onProgress: TakeOptions['onProgress'],
): Promise<Captured> {
  const changes = new Map<BytePath, TreeEntry | null>();
  const untracked: TreeItem[] = [];
  const present: BytePath[] = [];
  const total = scan.suspects.length + scan.untracked.length;
  let done = 0;
  const step = () => onProgress?.({ phase: 'store', done: ++done, total });
  for (const suspect of scan.suspects) {
    const entry = tracked.entries[suspect.position]!;
    const now = await capture(repo.root, suspect, writer, cache);
    const same = now?.oid === oidOf(index, entry) && now.mode === entry.mode && entry.stage === 0 && !entry.intentToAdd;
    if (!same) changes.set(suspect.path, now);
    step();
  }
  tracked.entries.forEach((entry, position) => {
    if (entry.skipWorktree && scan.present[position] === 1) present.push(entry.path);
    // Absent is what the skip-worktree bit means, and what a submodule that was never initialised is.
    const mayBeAbsent = entry.skipWorktree || entry.mode === GITLINK;
    if (scan.present[position] === 0 && !mayBeAbsent) changes.set(entry.path, null);
  });
  for (const candidate of scan.untracked) {
    const entry = await capture(repo.root, candidate, writer, cache);
    if (entry !== null) untracked.push({ path: candidate.path, ...entry });
    step();
  }
  return { changes, untracked, present };
}

function writeStateTree(
  writer: ObjectWriter,
  state: GitState,
  tracked: TrackedFiles,
  scan: Scan,
  ignores: OutsideIgnores,
  includeIgnored: readonly string[],
  present: readonly BytePath[],
): string {
  const { index, head, headBytes, operation, otherRefs } = state;
  const items: TreeItem[] = [];
  const add = (name: string, bytes: Buffer) =>
    items.push({ path: name, mode: REGULAR, oid: writer.add('blob', bytes) });
  add('HEAD', headBytes);
  add('refs', encodeOtherRefs(otherRefs));
  if (index.bytes !== null) {
    items.push({ path: 'index', mode: REGULAR, oid: writer.add('blob', index.bytes, STORED) });
  }
  if (index.shared !== null) {
    const { name, bytes } = index.shared;
    items.push({ path: name, mode: REGULAR, oid: writer.add('blob', bytes, STORED) });
  }
  for (const [name, bytes] of operation) add(`operation/${Buffer.from(name).toString('latin1')}`, bytes);
  // Kept apart from the files themselves: an ignore file may itself be ignored.
  for (const [dir, bytes] of scan.gitignores) add(`ignore/tree/${dir === '' ? '' : `${dir}/`}.gitignore`, bytes);
  if (ignores.global !== null) add('ignore/global', ignores.global);
  if (ignores.info !== null) add('ignore/info', ignores.info);
  const kept = writeKeptTree(writer, index, tracked);
  if (kept !== null) items.push({ path: 'kept', mode: DIRECTORY, oid: kept });
  const manifest = encodeManifest({
    schema: 1,
    head,
    indexMtimeNs: index.bytes === null ? null : String(index.mtimeNs),
    permissions: scan.permissions.finish(),
    emptyDirectories: scan.emptyDirectories,
    skipWorktreePresent: tracked.entries.some((entry) => entry.skipWorktree) ? present : null,
    skipped: scan.skipped,
    includeIgnored,
    complete: true,
  });
  add('manifest.json', manifest);
  return writeTreeOf(writer, items);
}
