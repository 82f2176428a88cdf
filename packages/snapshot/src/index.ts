import path from 'node:path';
import { toText } from './base/byte-path.ts';
import { makePrivateDirectory } from './base/durable.ts';
import { explain, explained } from './base/system-errors.ts';
import { type DiffEntry, type DiffOptions, diffSnapshots } from './compare/diff.ts';
import { ownBytes } from './compare/own-bytes.ts';
import { isTracked } from './compare/tracked-path.ts';
import { unknownPaths } from './compare/unknown-paths.ts';
import { type VerifyReport, verifySnapshot } from './compare/verify.ts';
import { deleteRef, type Head, readHead, refOrNothing, updateRef } from './git/refs.ts';
import { findRepository, type Place } from './git/repository.ts';
import { putSealKeyBack } from './git/seal.ts';
import { ObjectStore } from './objects/object-store.ts';
import { type JournalState, journalStateOf } from './restore/journal.ts';
import { recoverRestore, restoreSnapshot } from './restore/restore.ts';
import type { RecoverOptions, RestoreOptions, RestoreReport } from './restore/restore-options.ts';
import { removeDeadDrop } from './snapshot/abandoned-files.ts';
import { listSnapshotRefs, type NamedSnapshot, resolveSnapshot, snapshotNotFound } from './snapshot/find-snapshot.ts';
import { loadSnapshot } from './snapshot/load-snapshot.ts';
import { readInfoIfWhole, type SnapshotInfo } from './snapshot/snapshot-info.ts';
import { takeSnapshot } from './snapshot/take.ts';
import type { TakeOptions } from './snapshot/take-options.ts';

export { AtomicSnapshotError, SNAPSHOT_ERROR_CODES, type SnapshotErrorCode } from './base/errors.ts';
export type { DiffEntry, DiffOptions } from './compare/diff.ts';
export type { VerifyProblem, VerifyReport } from './compare/verify.ts';
export type { ConfigScope, GitConfig } from './git/config.ts';
export { environmentFrom, type GitEnvironment } from './git/environment.ts';
export type { MovedRef } from './git/other-refs.ts';
export type { Head } from './git/refs.ts';
export { findRepository, type Place, type Repository } from './git/repository.ts';
export type { LeftAlone } from './restore/left-alone.ts';
export type { RecoverOptions, RestoreOptions, RestoreReport } from './restore/restore-options.ts';
export type { NamedSnapshot } from './snapshot/find-snapshot.ts';
export type { Lack } from './snapshot/manifest.ts';
export { newSnapshotId, SNAPSHOT_REFS } from './snapshot/snapshot-id.ts';
export type { SnapshotInfo } from './snapshot/snapshot-info.ts';
export type { SnapshotKind } from './snapshot/snapshot-kind.ts';
export { prepareTake, takeSnapshot } from './snapshot/take.ts';
export type { Progress, TakeOptions, TakeReport } from './snapshot/take-options.ts';

export interface DropOptions {
  /**
   * Says that no other process drops this snapshot at the same time, so that a lock which a killed
   * drop left on the ref may be removed.
   */
  readonly exclusive?: boolean;
  /**
   * The commit that the ref must still name. A ref that was rewritten since names another snapshot.
   */
  readonly oid?: string;
}

export interface SnapshotDetails extends SnapshotInfo {
  /** Where HEAD pointed when it was taken. */
  readonly head: Head;
  /** What the take saw and did not capture, and why. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Snapshots of a git repository: files, index, HEAD, branch and the operation in progress, as a
 * stash-shaped commit on a ref of its own under `refs/devs/snapshots/`.
 *
 * Not captured: ignored files (unless named), contents of nested repositories and submodules,
 * owners, extended attributes, hard links, fifos, sockets and devices. Commands block the event
 * loop while they read the work tree.
 */
export class AtomicSnapshot {
  /**
   * Takes a snapshot and returns its ref. Nothing but the object store and that ref changes: no
   * file, index, HEAD, branch, reflog or stash list. When it returns, everything is on disk.
   * @throws AtomicSnapshotError `DEVS_NOT_A_REPOSITORY` and its like, `DEVS_UNREADABLE`,
   * `DEVS_FILE_CHANGED`, `DEVS_REPOSITORY_BUSY`; no snapshot exists then.
   */
  static async take(place: Place, label: string, options: TakeOptions = {}): Promise<string> {
    return (await takeSnapshot(place, label, options)).ref;
  }

  /**
   * Makes the repository equal to the snapshot, as `git stash pop` would, but exactly, and then
   * drops the snapshot. First it takes a safety snapshot of the present, which stays. Where a
   * process is killed in the middle, the next call finishes the work. The snapshot is named by its
   * ref, its id or its commit; a commit needs no ref.
   * @throws AtomicSnapshotError `DEVS_SNAPSHOT_NOT_FOUND`, `DEVS_SNAPSHOT_FOREIGN`,
   * `DEVS_SNAPSHOT_INVALID`, `DEVS_OBJECT_MISSING`, `DEVS_HEAD_MOVED`, `DEVS_GIT_LOCKED`,
   * `DEVS_RESTORE_OBSTRUCTED` with nothing changed; `DEVS_FILE_CHANGED` when a file changed while
   * the restore ran.
   */
  static async restore(place: Place, stashRef: string, options: RestoreOptions = {}): Promise<RestoreReport> {
    return explained(() => restoreSnapshot(place, stashRef, options));
  }

  /**
   * Finishes a restore that was interrupted; null where none was.
   * @throws AtomicSnapshotError what `restore` throws; the journal stays, and the next call goes
   * on.
   */
  static async recover(place: Place, options: RecoverOptions = {}): Promise<RestoreReport | null> {
    return explained(() => recoverRestore(place, options));
  }

  /**
   * Makes the ref hold the snapshot again where another program deleted or rewrote it (`rm -rf`,
   * `filter-branch --all`). Returns whether that was necessary.
   * @throws AtomicSnapshotError `DEVS_OBJECT_MISSING`, `DEVS_OBJECT_DAMAGED`,
   * `DEVS_SNAPSHOT_FOREIGN`, `DEVS_GIT_LOCKED`
   */
  static async hold(place: Place, { ref, oid }: NamedSnapshot): Promise<boolean> {
    return explained(async () => {
      const repo = findRepository(place);
      const current = refOrNothing(repo, ref);
      if (current === oid) return false;
      using store = new ObjectStore(repo.commonDir);
      await loadSnapshot(repo, store, { ref, oid });
      updateRef(repo, ref, oid, current);
      return true;
    });
  }

  /**
   * Deletes the snapshot's ref.
   * @throws AtomicSnapshotError `DEVS_SNAPSHOT_NOT_FOUND`, `DEVS_REF_MOVED`, `DEVS_GIT_LOCKED`
   */
  static async drop(place: Place, stashRef: string, options: DropOptions = {}): Promise<void> {
    return explained(async () => {
      const repo = findRepository(place);
      const { ref, oid } = resolveSnapshot(repo, stashRef);
      if (ref === oid) throw snapshotNotFound(repo, ref);
      if (options.exclusive === true) removeDeadDrop(repo, ref);
      deleteRef(repo, ref, options.oid ?? oid);
      putSealKeyBack(repo.commonDir);
    });
  }

  /**
   * The snapshots of this work tree, or of all linked ones, oldest first. A ref whose commit cannot
   * be read is of the kind `unreadable`. One whose commit has no seal of this repository is of the
   * kind `foreign`; its label and its time are what a stranger wrote.
   */
  static async list(place: Place, options: { readonly allWorkTrees?: boolean } = {}): Promise<readonly SnapshotInfo[]> {
    return explained(async () => {
      const repo = findRepository(place);
      using store = new ObjectStore(repo.commonDir);
      const all = [...listSnapshotRefs(repo)].map(([ref, oid]) => readInfoIfWhole(repo, store, ref, oid));
      return all
        .filter(({ workTreeName }) => options.allWorkTrees === true || workTreeName === repo.workTreeName)
        .sort((a, b) => (a.id < b.id ? -1 : 1));
    });
  }

  /**
   * One snapshot in detail.
   * @throws AtomicSnapshotError `DEVS_SNAPSHOT_NOT_FOUND`, `DEVS_SNAPSHOT_FOREIGN`,
   * `DEVS_SNAPSHOT_INVALID`
   */
  static async show(place: Place, stashRef: string): Promise<SnapshotDetails> {
    return explained(async () => {
      const repo = findRepository(place);
      using store = new ObjectStore(repo.commonDir);
      const snapshot = await loadSnapshot(repo, store, resolveSnapshot(repo, stashRef));
      const { manifest, ref, id, oid, label, kind, runId, takenAt, workTreeName, trailers } = snapshot;
      const skipped = manifest.skipped.map(({ path, reason }) => ({ path: toText(path), reason }));
      return { ref, id, oid, label, kind, runId, takenAt, workTreeName, trailers, head: manifest.head, skipped };
    });
  }

  /**
   * The files that differ between two snapshots, in path order; without `to`, between a snapshot
   * and the work tree as it is.
   * @throws AtomicSnapshotError `DEVS_SNAPSHOT_NOT_FOUND`, `DEVS_OBJECT_MISSING`, and what `take`
   * throws.
   */
  static async diff(place: Place, from: string, to?: string, options: DiffOptions = {}): Promise<readonly DiffEntry[]> {
    return explained(() => diffSnapshots(place, from, to, options));
  }

  /**
   * Those of `paths`, relative to the top of the work tree, that none of the snapshots holds and
   * that are not on disk.
   * @throws AtomicSnapshotError `DEVS_SNAPSHOT_NOT_FOUND`, `DEVS_SNAPSHOT_INVALID`
   */
  static async unknownPaths(
    place: Place,
    snapshots: readonly string[],
    paths: readonly string[],
  ): Promise<readonly string[]> {
    return explained(() => unknownPaths(place, snapshots, paths));
  }

  /**
   * Reads every object that the snapshot holds, and names each one that is missing or damaged. A
   * caller that verifies several snapshots passes one set as `seen`: `verify` skips the objects
   * that it names, and adds to it what it has read.
   * @throws AtomicSnapshotError `DEVS_SNAPSHOT_NOT_FOUND`, `DEVS_SNAPSHOT_FOREIGN`,
   * `DEVS_SNAPSHOT_INVALID`
   */
  static async verify(place: Place, stashRef: string, seen: Set<string> = new Set()): Promise<VerifyReport> {
    return explained(() => verifySnapshot(place, stashRef, seen));
  }

  /**
   * How many bytes of content, not compressed, only the snapshots `refs` hold, and none of
   * `others`: what git can free once they are dropped.
   * @throws AtomicSnapshotError `DEVS_SNAPSHOT_NOT_FOUND`, `DEVS_OBJECT_MISSING`
   */
  static async ownBytes(place: Place, refs: readonly string[], others: readonly string[]): Promise<number> {
    return explained(() => ownBytes(place, refs, others));
  }

  /**
   * Whether a restore was interrupted (`sound`) and waits for `recover`. A journal that this
   * repository's devs did not write is `foreign`: `recover` moves it aside.
   */
  static journalState(place: Place): JournalState['state'] {
    return journalStateOf(findRepository(place));
  }

  /** Whether a restore was interrupted and waits for `recover`. */
  static hasPendingRestore(place: Place): boolean {
    return AtomicSnapshot.journalState(place) === 'sound';
  }

  /**
   * The directory `devs` in the git directory of the work tree, where devs and the programs around
   * it keep what belongs to this work tree. It is created where there is none, for this user alone,
   * and never through a link.
   * @throws AtomicSnapshotError `DEVS_NOT_A_DIRECTORY`, `DEVS_NOT_PERMITTED`
   */
  static makeOwnDirectory(place: Place): string {
    const dir = path.join(findRepository(place).gitDir, 'devs');
    try {
      makePrivateDirectory(dir);
    } catch (error) {
      throw explain(error);
    }
    return dir;
  }

  /** Whether the index or HEAD has a file at `path`, which begins at the top of the work tree. */
  static isTracked(place: Place, path: string): boolean {
    return isTracked(findRepository(place), path);
  }

  /** Where HEAD of the work tree that contains `place` points. */
  static head(place: Place): Head {
    return readHead(findRepository(place));
  }
}
