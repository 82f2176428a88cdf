import fs from 'node:fs';
import path from 'node:path';
import { DirectoryLockFs } from '../protocol/lock-fs.ts';
import {
  type FoundLock,
  inspectLock,
  LOCK_FILE,
  type Objection,
  realEnvironment,
  removeGeneration,
  temporaryLeftovers,
  tryAcquire,
  tryTakeOver,
  withEvidence,
} from '../protocol/protocol.ts';
import { type Refusal, type WaitOptions, waitForTurn } from '../protocol/wait.ts';
import { StateLockConflictError, StateLockError } from '../record/errors.ts';
import { type LockData, newRecord } from '../record/record.ts';
import { checkDirectory, type DirectoryCheck } from './check-directory.ts';
import { HeldStateLock } from './held-state-lock.ts';

/** An unknown holder that has been silent for longer than this is taken over. */
export const DEFAULT_MAX_AGE_MS = 300_000;
const DEFAULT_HEARTBEAT_MS = 10_000;
/** A temporary file exists for microseconds; older than this its process is gone. */
const TEMPORARY_MAX_AGE_MS = 60_000;

/** What is known of the lock of a directory, and how. */
export type LockStatus =
  | { readonly state: 'free' }
  | {
      /** `held`: the holder lives. `dead`: it does not. `unknown`: it cannot be told from here. */
      readonly state: 'held' | 'dead' | 'unknown';
      /** What is known of the holder's process; `evidence` says how. */
      readonly verdict: 'alive' | 'dead' | 'unknown';
      readonly lock: LockData;
      /** Milliseconds since the holder's last sign of life; negative where its clock is ahead. */
      readonly ageMs: number;
      readonly evidence: string;
    };

/** A stale lock that was removed: whose it was, and how it is known to be stale. */
export interface Takeover {
  readonly previous: LockData;
  readonly state: 'dead' | 'unknown';
  readonly ageMs: number;
  readonly evidence: string;
}

export interface TakeoverOptions {
  /** Milliseconds of silence after which an unknown holder is taken over. Default 300 000. */
  readonly maxAgeMs?: number;
  /**
   * Asked before a stale lock is removed: why it must stay all the same, null where nothing speaks
   * against it. For what the lock cannot know, such as processes that the dead holder left at work.
   */
  readonly objection?: Objection;
}

export interface AcquireOptions extends WaitOptions, TakeoverOptions {
  /** What the holder runs, for people. */
  readonly command?: string;
  /** Milliseconds between two refreshes of `timestamp`. Default 10 000. */
  readonly heartbeatMs?: number;
  /**
   * Starts the thread that refreshes `timestamp` after a second instead of at once, which a short
   * run never pays for. For holders whose event loop is free by then: one that is blocked from the
   * first second on misses its beats.
   */
  readonly lazyHeartbeat?: boolean;
  /**
   * Another lock that this process holds, which decides for both. While it is held, a record that
   * vanishes is put back instead of ending the run: a command may stash, clean or commit what lies
   * in its work tree. Once it is lost, so is this one. Both have the same id: a user sees one lock.
   */
  readonly decidedBy?: HeldStateLock;
  /** Called for each stale lock that was removed on the way. */
  readonly onTakeover?: (takeover: Takeover) => void;
}

const heldHere = new Map<string, HeldStateLock>();

/**
 * One run at a time in a directory, by the file `.devs-state.lock`.
 *
 * Protects processes that all use this lock, on one machine and on file systems with atomic link(2)
 * or O_EXCL. It does not protect against programs that do not ask, a person's `rm`, or network file
 * systems that cache directory entries (see `state-lock.agent.md`).
 */
export class StateLock {
  /**
   * Takes the lock of `cwd`, taking over a holder that is dead, or unknown and silent for
   * `maxAgeMs`. Silence by the record's timestamp is not believed before three beats were missed
   * under this process's eyes: with a record that promises beats (`heartbeat_ms`) this may take
   * that long, `wait` or not.
   * @throws StateLockConflictError (`DEVS_LOCK_HELD`) when another process holds it and the wait,
   * if any, is over.
   * @throws StateLockError `DEVS_LOCK_UNWRITABLE`, `DEVS_LOCK_UNREADABLE`, `DEVS_LOCK_NOT_A_LOCK`,
   * `DEVS_LOCK_NO_DIRECTORY`, `DEVS_DISK_FULL`.
   */
  static async acquire(cwd: string, taskId: string, options: AcquireOptions = {}): Promise<HeldStateLock> {
    const {
      maxAgeMs = DEFAULT_MAX_AGE_MS,
      heartbeatMs = DEFAULT_HEARTBEAT_MS,
      onTakeover,
      objection,
      command,
      lazyHeartbeat = false,
      decidedBy,
    } = options;
    const dir = locate(cwd);
    const environment = realEnvironment(maxAgeMs, objection);
    return waitForTurn(options, async (): Promise<HeldStateLock | Refusal> => {
      const record = newRecord(taskId, command, heartbeatMs, decidedBy?.id);
      const attempt = await tryAcquire(dir.fs, record, environment);
      if (!('file' in attempt)) return { conflict: conflictOf(dir, attempt.found), undecidedMs: attempt.undecidedMs };
      const onRelease = () => {
        // A lock that was lost may have a successor in this process.
        if (heldHere.get(dir.cwd)?.id === record.id) heldHere.delete(dir.cwd);
      };
      const settings = { heartbeatMs, lazyHeartbeat, onRelease, decidedBy };
      const held = new HeldStateLock({ ...dir, file: attempt.file }, record, settings);
      heldHere.set(dir.cwd, held);
      try {
        for (const found of attempt.takeovers) onTakeover?.(asTakeover(found));
        if (attempt.takeovers.length > 0) await sweep(dir.fs);
      } catch (error) {
        // The caller learns of no lock that it could release.
        await held.release();
        throw error;
      }
      return held;
    });
  }

  /**
   * Releases the lock of `cwd`: this process's own, or a dead holder's. Does nothing where there is
   * none.
   * @throws StateLockConflictError when another holder has it that is not known to be dead.
   */
  static async release(cwd: string): Promise<void> {
    const dir = locate(cwd);
    const held = heldHere.get(dir.cwd);
    if (held !== undefined) return held.release();
    const found = await inspectLock(dir.fs);
    if (found === null) return;
    if (found.verdict.state !== 'dead') throw conflictOf(dir, found);
    await removeGeneration(dir.fs, found.generation, realEnvironment(DEFAULT_MAX_AGE_MS));
  }

  /**
   * Whether the lock's `timestamp` is older than `maxAgeMs`, whether its holder lives or not. False
   * without a lock.
   */
  static async isStale(cwd: string, maxAgeMs: number): Promise<boolean> {
    const found = await inspectLock(locate(cwd).fs);
    return found !== null && found.ageMs > maxAgeMs;
  }

  /** Who holds the lock of `cwd`, whether it lives, and how that is known. Changes nothing. */
  static async inspect(cwd: string): Promise<LockStatus> {
    const found = await inspectLock(locate(cwd).fs);
    if (found === null) return { state: 'free' };
    const { state: verdict, evidence } = found.verdict;
    const state = verdict === 'alive' ? 'held' : verdict;
    return { state, verdict, lock: found.lock, ageMs: found.ageMs, evidence };
  }

  /**
   * Whether the file system of `cwd` is one on which this lock protects; see `state-lock.agent.md`.
   * Changes nothing.
   * @throws StateLockError `DEVS_LOCK_NO_DIRECTORY`.
   */
  static checkDirectory(cwd: string): DirectoryCheck {
    return checkDirectory(locate(cwd).cwd);
  }

  /**
   * The startup rule: removes the lock of a holder that is dead, or unknown and silent for longer
   * than `maxAgeMs`; never a living one's. Returns what was removed, null where nothing was. As
   * `acquire`, it may watch for three beats.
   */
  static async releaseStale(
    cwd: string,
    maxAgeMs: number = DEFAULT_MAX_AGE_MS,
    options: Pick<WaitOptions, 'signal' | 'onWait'> & Pick<TakeoverOptions, 'objection'> = {},
  ): Promise<Takeover | null> {
    const dir = locate(cwd);
    const environment = realEnvironment(maxAgeMs, options.objection);
    const attempt = async (): Promise<{ takeover: Takeover | null } | Refusal> => {
      const found = await inspectLock(dir.fs);
      if (found === null) return { takeover: null };
      const outcome = await tryTakeOver(dir.fs, found, environment);
      if (outcome === 'removed') await sweep(dir.fs);
      if (typeof outcome === 'string') return { takeover: outcome === 'removed' ? asTakeover(found) : null };
      return { conflict: conflictOf(dir, found), undecidedMs: outcome.undecidedMs };
    };
    try {
      return (await waitForTurn({ ...options, wait: 0 }, attempt)).takeover;
    } catch (error) {
      if (error instanceof StateLockConflictError) return null;
      throw error;
    }
  }

  /**
   * Removes the lock whose id is `lockId`, and no other. No lock: does nothing.
   * @throws StateLockError `DEVS_LOCK_ID_MISMATCH` when the lock has another id.
   * @throws StateLockConflictError when its holder is not known to be dead and `force` is not set.
   * With `force` a living holder goes on without the lock until it notices (`held.signal`), and two
   * runs may overlap until then.
   */
  static async unlock(cwd: string, lockId: string, options: { readonly force?: boolean } = {}): Promise<void> {
    const dir = locate(cwd);
    const found = await inspectLock(dir.fs);
    if (found === null) return;
    if (found.generation !== lockId) {
      throw new StateLockError(
        'DEVS_LOCK_ID_MISMATCH',
        `${dir.lockPath} has the id ${found.generation}, not ${lockId}`,
        {
          hint: ['devs', 'status'],
          data: { path: dir.lockPath, id: found.generation, lock: found.lock },
        },
      );
    }
    if (found.verdict.state !== 'dead' && options.force !== true) {
      throw conflictOf(dir, found);
    }
    const outcome = await removeGeneration(dir.fs, lockId, realEnvironment(DEFAULT_MAX_AGE_MS));
    if (outcome === 'busy') throw conflictOf(dir, withEvidence(found, 'it is being removed right now'));
  }
}

const NOT_REACHED: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'does not exist'],
  ['ENOTDIR', 'does not exist: a part of it is a file'],
  ['EACCES', 'is in a directory that you may not enter'],
  ['ELOOP', 'is a link that leads to itself'],
  ['ENAMETOOLONG', 'is too long a path'],
]);

function locate(cwd: string): { readonly cwd: string; readonly fs: DirectoryLockFs; readonly lockPath: string } {
  let real: string;
  try {
    real = fs.realpathSync(cwd);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    const why = NOT_REACHED.get(code);
    if (why === undefined) throw error;
    throw new StateLockError('DEVS_LOCK_NO_DIRECTORY', `${cwd} ${why}`, { data: { path: cwd }, cause: error });
  }
  return { cwd: real, fs: new DirectoryLockFs(real), lockPath: path.join(real, LOCK_FILE) };
}

function conflictOf({ lockPath }: { readonly lockPath: string }, { lock, verdict }: FoundLock): StateLockConflictError {
  return new StateLockConflictError(lockPath, lock, verdict.evidence);
}

function asTakeover(found: FoundLock): Takeover {
  const state = found.verdict.state === 'dead' ? 'dead' : 'unknown';
  return { previous: found.lock, state, ageMs: found.ageMs, evidence: found.verdict.evidence };
}

/** Removes temporary files that killed processes left behind. */
async function sweep(dir: DirectoryLockFs): Promise<void> {
  for (const name of await temporaryLeftovers(dir)) {
    const stat = fs.lstatSync(path.join(dir.dir, name), { throwIfNoEntry: false });
    if (stat?.isFile() === true && Date.now() - stat.mtimeMs > TEMPORARY_MAX_AGE_MS) await dir.remove(name);
  }
}
