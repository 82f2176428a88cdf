import fs from 'node:fs';
import path from 'node:path';
import { codeOf } from '../base/errors.ts';
import { type GitIndex, readIndex, unreadableIndex } from '../git/index-file.ts';
import { readOperationFiles } from '../git/operation-files.ts';
import { type OtherRefs, readOtherRefs } from '../git/other-refs.ts';
import { type Head, readHead, readHeadBytes, refOrNothing, symbolicChain } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { readTree } from '../objects/trees.ts';
import type { Skipped } from '../scan/scan.ts';
import { type HeldByRefs, readHeldByRefs } from './held-by-refs.ts';
import type { Lack } from './manifest.ts';

/** Everything of a repository's state that lies in git's own files. */
export interface GitState {
  readonly head: Head;
  /** The names through which HEAD's branch leads; empty where HEAD is detached. */
  readonly symbolicBranch: readonly string[];
  readonly headBytes: Buffer;
  readonly index: GitIndex;
  readonly operation: Map<string, Buffer>;
  /** Names in the git directory at which git expects a file and something else is. */
  readonly skipped: readonly Skipped[];
  readonly otherRefs: OtherRefs;
  /** What git would prune once a branch, a tag or a stash entry is gone. */
  readonly heldByRefs: HeldByRefs;
}

/**
 * Reads git's own files. With `lacks` it goes on where one is damaged: the raw bytes are kept, what
 * they should say is taken to be nothing, and the list says what is missing.
 * @throws AtomicSnapshotError `DEVS_REF_INVALID`, `DEVS_INDEX_INVALID`, `DEVS_SHARED_INDEX_MISSING`
 */
export function readGitState(repo: Repository, store: ObjectStore, lacks: Lack[] | null): GitState {
  const skipped: Skipped[] = [];
  const onSkipped = (name: string) => skipped.push({ path: `.git/${name}`, reason: 'not a regular file' });
  const head = orElse(lacks, 'HEAD', {
    read: () => (lacks === null ? readHead(repo) : readWholeHead(repo, store)),
    fallback: () => ({ branch: null, oid: null }),
  });
  const otherRefs = readOtherRefs(repo);
  return {
    head,
    symbolicBranch: head.branch === null ? [] : symbolicChain(repo, head.branch),
    headBytes: readHeadBytes(repo) ?? Buffer.alloc(0),
    index: orElse(lacks, 'index', {
      read: () => readIndex(repo.gitDir, (oid) => readTree(store, oid)),
      fallback: () => unreadableIndex(repo.gitDir),
    }),
    operation: readOperationFiles(repo.gitDir, onSkipped),
    skipped,
    otherRefs,
    heldByRefs: readHeldByRefs(repo, store, otherRefs),
  };
}

/**
 * HEAD, and the proof that its commit can be read: the snapshot's commit would be a child of it.
 * @throws AtomicSnapshotError `DEVS_REF_INVALID`, `DEVS_OBJECT_MISSING`, `DEVS_OBJECT_DAMAGED`
 */
function readWholeHead(repo: Repository, store: ObjectStore): Head {
  const head = readHead(repo);
  if (head.oid !== null) store.read(head.oid, 'commit');
  return head;
}

/** What damaged files of git's are told by. */
const DAMAGE: ReadonlySet<string> = new Set([
  'DEVS_REF_INVALID',
  'DEVS_INDEX_INVALID',
  'DEVS_SHARED_INDEX_MISSING',
  'DEVS_OBJECT_MISSING',
  'DEVS_OBJECT_DAMAGED',
  'DEVS_SNAPSHOT_INVALID',
]);

interface Reading<T> {
  readonly read: () => T;
  readonly fallback: () => T;
}

function orElse<T>(lacks: Lack[] | null, what: string, { read, fallback }: Reading<T>): T {
  try {
    return read();
  } catch (error) {
    if (lacks === null || !DAMAGE.has(codeOf(error))) throw error;
    lacks.push({ what, why: (error as Error).message });
    return fallback();
  }
}

/** Whether HEAD and the index still are what `state` holds. */
export function isUnchanged(repo: Repository, state: GitState): boolean {
  const headBytes = readHeadBytes(repo) ?? Buffer.alloc(0);
  if (!headBytes.equals(state.headBytes)) return false;
  if (state.head.branch !== null && refOrNothing(repo, state.head.branch) !== state.head.oid) return false;
  const stat = fs.statSync(path.join(repo.gitDir, 'index'), { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return state.index.bytes === null;
  return stat.mtimeNs === state.index.mtimeNs && Number(stat.size) === state.index.bytes?.length;
}
