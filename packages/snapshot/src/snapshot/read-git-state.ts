import fs from 'node:fs';
import path from 'node:path';
import { readIfThere } from '../base/durable.ts';
import { type GitIndex, readIndex } from '../git/index-file.ts';
import { readOperationFiles } from '../git/operation-files.ts';
import { type OtherRefs, readOtherRefs } from '../git/other-refs.ts';
import { type Head, readHead, symbolicChain } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { readTree } from '../objects/trees.ts';
import type { Skipped } from '../scan/scan.ts';

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
}

export function readGitState(repo: Repository, store: ObjectStore): GitState {
  const skipped: Skipped[] = [];
  const onSkipped = (name: string) => skipped.push({ path: `.git/${name}`, reason: 'not a regular file' });
  const head = readHead(repo);
  return {
    head,
    symbolicBranch: head.branch === null ? [] : symbolicChain(repo, head.branch),
    headBytes: readIfThere(path.join(repo.gitDir, 'HEAD'))!,
    index: readIndex(repo.gitDir, (oid) => readTree(store, oid)),
    operation: readOperationFiles(repo.gitDir, onSkipped),
    skipped,
    otherRefs: readOtherRefs(repo),
  };
}

/** Whether HEAD and the index still are what `state` holds. */
export function isUnchanged(repo: Repository, state: GitState): boolean {
  const head = readHead(repo);
  if (head.branch !== state.head.branch || head.oid !== state.head.oid) return false;
  const stat = fs.statSync(path.join(repo.gitDir, 'index'), { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return state.index.bytes === null;
  return stat.mtimeNs === state.index.mtimeNs && Number(stat.size) === state.index.bytes?.length;
}
