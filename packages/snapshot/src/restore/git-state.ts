import fs from 'node:fs';
import path from 'node:path';
import {
  openGitLock,
  readOptional,
  removeIfThere,
  removeRegular,
  replaceFile,
  updateUnderGitLock,
  writeAll,
} from '../base/durable.ts';
import { codeOf } from '../base/errors.ts';
import { openOrMake, type RealDirectory } from '../base/real-directory.ts';
import { writeOperationFiles } from '../git/operation-files.ts';
import { appendReflog, type Head, readHead, readHeadBytes, refFile } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import { sharingOf } from '../git/shared-repository.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { readTree } from '../objects/trees.ts';
import type { LoadedSnapshot } from '../snapshot/load-snapshot.ts';
import { readStateFile, readStateHead, readStateOperation } from '../snapshot/state-files.ts';
import { loggable, moveRefs, restoreSymbolicBranch } from './ref-moves.ts';
import type { RestoreJob } from './restore-job.ts';

const INDEX = 'index';
const LOCK = 'index.lock';

/** git's own lock on the index, already holding the bytes that `commit` puts in place. */
export class IndexLock {
  readonly #dir: RealDirectory;
  readonly #bytes: Buffer | null;
  readonly #mtimeNs: string | null;
  #held = true;

  /** @throws AtomicSnapshotError `DEVS_GIT_LOCKED` */
  constructor(repo: Repository, bytes: Buffer | null, mtimeNs: string | null) {
    this.#dir = openOrMake(repo.gitDir);
    this.#bytes = bytes;
    this.#mtimeNs = mtimeNs;
    try {
      this.#dir.at(LOCK, (lock) => this.#fill(openGitLock(lock, path.join(repo.gitDir, LOCK), sharingOf(repo))));
    } catch (error) {
      // Held by another process, or removed by `#fill`.
      this.#held = false;
      this.#dir[Symbol.dispose]();
      throw error;
    }
  }

  #fill(fd: number): void {
    try {
      if (this.#bytes !== null) writeAll(fd, this.#bytes);
      if (this.#mtimeNs !== null) {
        // The old time, rounded down: entries that were racily clean then must still be read, not
        // trusted.
        const seconds = Number(BigInt(this.#mtimeNs) / 1000n) / 1e6;
        fs.futimesSync(fd, seconds, Math.max(0, seconds - 1e-5));
      }
      fs.fsyncSync(fd);
    } catch (error) {
      this.#dir.at(LOCK, removeIfThere);
      throw error;
    } finally {
      fs.closeSync(fd);
    }
  }

  /** Makes the index exactly the snapshot's. */
  commit(): void {
    if (this.#bytes === null) {
      this.#dir.at(INDEX, removeIfThere);
      this.release();
      return;
    }
    this.#dir.at(LOCK, (lock) => fs.renameSync(lock, path.join(path.dirname(lock), INDEX)));
    this.#dir.flush();
    this.#held = false;
    this.#dir[Symbol.dispose]();
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#dir.at(LOCK, removeIfThere);
    this.#dir[Symbol.dispose]();
  }
}

/**
 * Removes the git locks that a killed restore of `snapshot` left behind. It knows them by their
 * content, the beginning of what it wrote; the lock of another process holds something else, or is
 * empty for a moment only.
 */
export function removeOwnLocks(repo: Repository, store: ObjectStore, snapshot: LoadedSnapshot): void {
  const { branch, oid } = snapshot.manifest.head;
  const refs = new Map([...(snapshot.manifest.refMoves ?? []), ...(branch === null ? [] : [[branch, oid] as const])]);
  const written: [file: string, bytes: Buffer | null][] = [
    [path.join(repo.gitDir, 'index'), readStateFile(store, snapshot, 'index')],
    [path.join(repo.gitDir, 'HEAD'), readStateFile(store, snapshot, 'HEAD')],
  ];
  for (const [ref, to] of refs) written.push([refFile(repo, ref), to === null ? null : Buffer.from(`${to}\n`)]);
  for (const [file, bytes] of written) {
    const found = readOptional(`${file}.lock`);
    if (found?.equals((bytes ?? Buffer.alloc(0)).subarray(0, found.length))) removeRegular(`${file}.lock`);
  }
}

/**
 * Git deletes shared indexes that were not used for two weeks; the snapshot's index may need one of
 * them.
 */
function restoreSharedIndex(repo: Repository, store: ObjectStore, snapshot: LoadedSnapshot): void {
  for (const [name, { oid }] of readTree(store, snapshot.stateTree)) {
    if (!/^sharedindex\.[0-9a-f]{40}$/.test(name)) continue;
    const file = path.join(repo.gitDir, name);
    const bytes = store.read(oid, 'blob');
    if (readOptional(file)?.equals(bytes) !== true) replaceFile(file, bytes, { sharing: sharingOf(repo) });
  }
}

/** A damaged HEAD points to nothing that its log could name. */
function headOrNothing(repo: Repository): Head {
  try {
    return readHead(repo);
  } catch (error) {
    if (codeOf(error) !== 'DEVS_REF_INVALID') throw error;
    return { branch: null, oid: null };
  }
}

/**
 * Brings branches, HEAD and the files of the operation in progress back. Refs move by
 * compare-and-swap under git's own locks, with a line in their logs.
 */
export function restoreGitState({ repo, store, target: snapshot, refMoves }: RestoreJob): void {
  const then = snapshot.manifest.head;
  const now = headOrNothing(repo);
  const message = `devs: restore ${snapshot.runId ?? snapshot.id}`;
  moveRefs(repo, store, refMoves, message);
  restoreSymbolicBranch(repo, snapshot.manifest.symbolicBranch ?? []);
  const headBytes = readStateHead(store, snapshot);
  const headFile = path.join(repo.gitDir, 'HEAD');
  if (headBytes !== null && readHeadBytes(repo)?.equals(headBytes) !== true) {
    updateUnderGitLock(headFile, () => headBytes, sharingOf(repo));
  }
  if (then.oid !== null && now.oid !== then.oid) {
    appendReflog(repo, 'HEAD', loggable(store, now.oid), then.oid, message);
  }
  restoreSharedIndex(repo, store, snapshot);
  writeOperationFiles(repo.gitDir, readStateOperation(store, snapshot), sharingOf(repo));
}
