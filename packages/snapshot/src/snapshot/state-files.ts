import type { BytePath } from '../base/byte-path.ts';
import { pathProblem } from '../base/path-rules.ts';
import { oidOf, type ParsedIndex, parseIndex } from '../git/index-file.ts';
import { isOperationFile } from '../git/operation-files.ts';
import { isBranchName } from '../git/ref-name.ts';
import type { Repository } from '../git/repository.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { DIRECTORY, findInTree, readTree, type TreeEntry } from '../objects/trees.ts';
import {
  digestOf,
  includedPatterns,
  type OutsideIgnores,
  readOutsideIgnores,
  TreeIgnoreRules,
} from '../scan/ignore-rules.ts';
import { invalidSnapshot, type LoadedSnapshot } from './load-snapshot.ts';

/** Git itself nests its operation files two levels deep. */
const MAX_OPERATION_DEPTH = 8;
const MAX_OPERATION_FILES = 100_000;

export function readStateFile(store: ObjectStore, snapshot: LoadedSnapshot, name: string): Buffer | null {
  const entry = findInTree(store, snapshot.stateTree, name);
  return entry === null ? null : store.read(entry.oid, 'blob');
}

/**
 * The bytes of HEAD. They are what the manifest says of HEAD and nothing more: a branch under
 * `refs/heads/`, or a commit. Null where HEAD was damaged and the snapshot lacks it.
 * @throws AtomicSnapshotError `DEVS_SNAPSHOT_INVALID`
 */
export function readStateHead(store: ObjectStore, snapshot: LoadedSnapshot): Buffer | null {
  const { branch, oid } = snapshot.manifest.head;
  if (branch === null && oid === null) return null;
  if (branch !== null && !isBranchName(branch))
    throw invalidSnapshot(snapshot.ref, `its HEAD points to ${JSON.stringify(branch)}, which is no branch`);
  const bytes = readStateFile(store, snapshot, 'HEAD');
  const expected = branch === null ? oid : `ref: ${branch}`;
  const text = bytes?.toString('utf8').replace(/\n$/, '');
  if (bytes === null || text !== expected)
    throw invalidSnapshot(snapshot.ref, `its HEAD is ${JSON.stringify(text ?? null)}, not ${JSON.stringify(expected)}`);
  return bytes;
}

/**
 * The files of the operation in progress, by path in the git directory.
 * @throws AtomicSnapshotError `DEVS_SNAPSHOT_INVALID`
 */
export function readStateOperation(store: ObjectStore, snapshot: LoadedSnapshot): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const collect = (tree: string, dir: string, depth: number) => {
    for (const [name, entry] of readTree(store, tree)) {
      const file = Buffer.from(dir + name, 'latin1').toString('utf8');
      const isTooMuch = depth > MAX_OPERATION_DEPTH || files.size > MAX_OPERATION_FILES;
      if (isTooMuch || !isOperationFile(file, entry.mode === DIRECTORY))
        throw invalidSnapshot(snapshot.ref, `${JSON.stringify(file)} is no file of an operation in progress`);
      if (entry.mode === DIRECTORY) collect(entry.oid, `${dir}${name}/`, depth + 1);
      else files.set(file, store.read(entry.oid, 'blob'));
    }
  };
  const top = readTree(store, snapshot.stateTree).get('operation');
  if (top !== undefined) collect(top.oid, '', 0);
  return files;
}

/** The ignore rules as they were when the snapshot was taken. */
export function ignoreRulesOf(store: ObjectStore, snapshot: LoadedSnapshot, repo: Repository): TreeIgnoreRules {
  const outside: OutsideIgnores = {
    global: globalIgnores(store, snapshot, repo),
    info: readStateFile(store, snapshot, 'ignore/info'),
  };
  const ignoreCase = repo.config.bool('core.ignorecase', false);
  const gitignoreOf = (dir: BytePath) =>
    readStateFile(store, snapshot, `ignore/tree/${dir === '' ? '' : `${dir}/`}.gitignore`);
  // What a pattern included then was captured: what the snapshot does not hold was not there.
  const included = includedPatterns(snapshot.manifest.includeIgnored, ignoreCase);
  return new TreeIgnoreRules(outside, ignoreCase, gitignoreOf, included);
}

/** What ignores everything: nothing is deleted without proof that it was not ignored then. */
const ALL_IGNORED = Buffer.from('*\n');

/**
 * `core.excludesFile` as it was. Of a file that is none of the repository's, a snapshot holds the
 * digest alone.
 */
function globalIgnores(store: ObjectStore, snapshot: LoadedSnapshot, repo: Repository): Buffer | null {
  const digest = readStateFile(store, snapshot, 'ignore/global.sha256');
  if (digest === null) return readStateFile(store, snapshot, 'ignore/global');
  const { global } = readOutsideIgnores(repo);
  return global !== null && digestOf(global).equals(digest) ? global : ALL_IGNORED;
}

/** The index as it was; null where there was none, or a damaged one. */
export function readStateIndex(store: ObjectStore, snapshot: LoadedSnapshot): ParsedIndex | null {
  const bytes = readStateFile(store, snapshot, 'index');
  const isDamaged = snapshot.manifest.lacks?.some(({ what }) => what === 'index') === true;
  if (bytes === null || isDamaged) return null;
  return parseIndex(bytes, `${snapshot.ref}: index`, {
    file: (name) => readStateFile(store, snapshot, name),
    tree: (oid) => readTree(store, oid),
  });
}

/**
 * Tracked files that were not on disk because of their skip-worktree bit, with what the index says
 * of them.
 * @throws AtomicSnapshotError `DEVS_SNAPSHOT_INVALID`
 */
export function absentBySkipWorktree(store: ObjectStore, snapshot: LoadedSnapshot): Map<BytePath, TreeEntry> {
  const absent = new Map<BytePath, TreeEntry>();
  const { skipWorktreePresent } = snapshot.manifest;
  if (skipWorktreePresent === null) return absent;
  const parsed = readStateIndex(store, snapshot);
  if (parsed === null) throw invalidSnapshot(snapshot.ref, 'its manifest tells of an index that it does not hold');
  for (const entry of parsed.entries) {
    if (!entry.skipWorktree) continue;
    const problem = pathProblem(entry.path);
    if (problem !== null)
      throw invalidSnapshot(snapshot.ref, `its index names ${JSON.stringify(entry.path)}, which ${problem}`);
    absent.set(entry.path, { mode: entry.mode, oid: oidOf(parsed, entry) });
  }
  for (const path of skipWorktreePresent) absent.delete(path);
  return absent;
}
