import type { OpenOptions } from '@devs/db';
import { type LockData, StateLock, StateLockConflictError, StateLockError, type Takeover } from '@devs/lock';
import { AtomicSnapshot, type Repository } from '@devs/snapshot';
import type { Emit } from './events.ts';
import { lockProject } from './lock-project.ts';
import { objectToSurvivors } from './object-to-survivors.ts';
import { type OpenLog, openLogCopy, openLogIfThere } from './open-log.ts';
import { lockDirectories, type ProjectState, stateOf } from './project-state.ts';
import { needsReconciling } from './reconcile.ts';
import { isUnwritable } from './root-record.ts';

/** How long a question waits for a database that another process has locked. */
const BUSY_TIMEOUT_MS = 2_000;

/**
 * A project opened to be looked at. `log` is null where nothing has run yet, or nothing can be
 * read.
 */
export interface ProjectView extends AsyncDisposable {
  readonly repo: Repository;
  readonly log: OpenLog['log'] | null;
  /** Whether there is a history that cannot be read; a warning has said why. */
  readonly isUnreadable: boolean;
}

/**
 * Opens a project to be looked at. The history that a killed run left is put in order first, under
 * the lock; a living run is not disturbed. Files, index, HEAD and branches stay as they are: an
 * interrupted restore is reported, and waits for a command that may write. Where the history cannot
 * be opened, a warning says why, and a copy of it is read. Creates nothing where devs never ran.
 */
export async function viewProject(repo: Repository, emit: Emit): Promise<ProjectView> {
  if (AtomicSnapshot.hasPendingRestore(repo)) emit({ type: 'restore-interrupted', root: repo.root });
  try {
    const opened = await openForQuery(repo, await takeOverStaleLock(repo, emit), emit);
    return { repo, ...viewed(opened), isUnreadable: false };
  } catch (error) {
    if (!(await isUnavailable(error))) throw error;
    const copy = await copyIfReadable(repo);
    emit({ type: 'history-unavailable', message: (error as Error).message, isCopied: copy !== null });
    return { repo, ...viewed(copy), isUnreadable: copy === null };
  }
}

function viewed(opened: OpenLog | null): Pick<ProjectView, 'log' | typeof Symbol.asyncDispose> {
  return { log: opened?.log ?? null, [Symbol.asyncDispose]: async () => opened?.close() };
}

/** Whether the lock or the database, but nothing else, stands in the way of a question. */
async function isUnavailable(error: unknown): Promise<boolean> {
  const { DatabaseError } = await import('@devs/db');
  return error instanceof DatabaseError || error instanceof StateLockError;
}

/**
 * A copy of the history; null where there is none, or none that can be read. Changes nothing on
 * disk.
 */
export async function copyIfReadable(repo: Repository): Promise<OpenLog | null> {
  const { DatabaseError } = await import('@devs/db');
  try {
    return await openLogCopy(repo);
  } catch (error) {
    if (error instanceof DatabaseError) return null;
    throw error;
  }
}

async function takeOverStaleLock(repo: Repository, emit: Emit): Promise<Takeover | null> {
  const objection = objectToSurvivors('refuse', emit);
  const onWait = (holder: LockData) => emit({ type: 'waiting', holder });
  let first: Takeover | null = null;
  for (const dir of lockDirectories(repo)) {
    const takeover = await releaseStale(repo, dir, { objection, onWait });
    first ??= takeover;
    // The holder of the record that decides keeps the other one, too.
    if (takeover === null && (await StateLock.inspect(dir)).state !== 'free') break;
  }
  if (first !== null) emit({ type: 'takeover', takeover: first });
  return first;
}

/** A record at a root where nothing may be written stays: the one in the git directory decides. */
async function releaseStale(
  repo: Repository,
  dir: string,
  options: Parameters<typeof StateLock.releaseStale>[2],
): Promise<Takeover | null> {
  try {
    return await StateLock.releaseStale(dir, undefined, options);
  } catch (error) {
    if (dir !== repo.root || !isUnwritable(error)) throw error;
    return null;
  }
}

async function openForQuery(repo: Repository, takeover: Takeover | null, emit: Emit): Promise<OpenLog | null> {
  const state = await stateOf(repo);
  if (state === 'none yet' && takeover === null) return null;
  if (state === 'held') return await openLogIfThere(repo, optionsOf(state, emit));
  if (state === 'sound' && takeover === null) {
    const opened = await openIfInOrder(repo, optionsOf(state, emit));
    if (opened !== null) return opened;
  }
  const isRepaired = await repairHistory(repo, emit);
  const opened = await openLogIfThere(repo, optionsOf(isRepaired ? 'sound' : 'held', emit));
  if (takeover !== null) await opened?.log.event('takeover', null, takeover);
  return opened;
}

/** False where a run has taken the lock meanwhile: that run repaired the history then. */
async function repairHistory(repo: Repository, emit: Emit): Promise<boolean> {
  const request = { taskId: 'recover', lazyHeartbeat: true, leavesRestore: true };
  try {
    await (await lockProject(repo, request, emit))[Symbol.asyncDispose]();
    return true;
  } catch (error) {
    if (error instanceof StateLockConflictError) return false;
    throw error;
  }
}

function optionsOf(state: ProjectState, emit: Emit): OpenOptions {
  return {
    busyTimeoutMs: BUSY_TIMEOUT_MS,
    hasLiveRun: () => state === 'held',
    onWarning: ({ message }) => emit({ type: 'database-recovered', message }),
  };
}

/** Codes of what a repair moves aside, and replaces by a history made of the snapshots. */
const REPLACED: ReadonlySet<string> = new Set(['DEVS_DB_DAMAGED', 'DEVS_DB_NOT_SQLITE', 'DEVS_DB_UNSAFE']);

/** The history; null where it has to be repaired. */
async function openIfInOrder(repo: Repository, options: OpenOptions): Promise<OpenLog | null> {
  const { DatabaseError } = await import('@devs/db');
  let opened: OpenLog | null = null;
  try {
    opened = await openLogIfThere(repo, options);
    if (opened !== null && !(await isOutOfOrder(repo, opened))) return opened;
  } catch (error) {
    if (!(error instanceof DatabaseError) || !REPLACED.has(error.code)) {
      await opened?.close();
      throw error;
    }
  }
  await opened?.close();
  return null;
}

/** While a restore waits to be finished, its snapshots have no rows yet, and that is in order. */
async function isOutOfOrder(repo: Repository, { log }: OpenLog): Promise<boolean> {
  if (await log.hasRunning()) return true;
  return !AtomicSnapshot.hasPendingRestore(repo) && (await needsReconciling(repo, log));
}
