import fs from 'node:fs';
import path from 'node:path';
import type { RunLog } from '@devs/db';
import { type AcquireOptions, type HeldStateLock, type LockData, StateLock } from '@devs/lock';
import { AtomicSnapshot, findRepository, type Repository } from '@devs/snapshot';
import { CliError, EXIT_HELD } from './errors.ts';
import type { Emit } from './events.ts';
import { excludeOwnFiles } from './exclude.ts';
import { type OrphanPolicy, objectToOrphans } from './left-behind.ts';
import { repair } from './repair.ts';

/** A project whose lock this process holds: it may change anything. Disposing closes the database, then unlocks. */
export interface LockedProject extends AsyncDisposable {
  readonly repo: Repository;
  readonly lock: HeldStateLock;
  readonly log: RunLog;
}

/** A project opened to be looked at. `log` is null where nothing has run yet. */
export interface ProjectView extends AsyncDisposable {
  readonly repo: Repository;
  readonly log: RunLog | null;
}

export interface LockRequest extends Pick<AcquireOptions, 'wait' | 'signal' | 'command' | 'lazyHeartbeat'> {
  readonly taskId: string;
  /** `DEVS_LOCK_ID` of the environment: the lock of the run this process was started by. */
  readonly parentLockId?: string | undefined;
  /** Processes that a killed run left at work: refuse to start beside them, or warn. Default: `devs.json`, or refuse. */
  readonly orphans?: OrphanPolicy | undefined;
}

/** Locks a project and repairs whatever a killed predecessor left. */
export async function lockProject(repo: Repository, request: LockRequest, emit: Emit): Promise<LockedProject> {
  const { taskId, parentLockId, orphans, ...options } = request;
  if (parentLockId !== undefined) await assertNotNested(repo.root, parentLockId);
  const lock = await StateLock.acquire(repo.root, taskId, {
    ...options,
    objection: objectToOrphans(async () => orphans ?? (await readOrphanPolicy(repo.root)), emit),
    onTakeover: (takeover) => emit({ type: 'takeover', takeover }),
    onWait: (holder) => emit({ type: 'waiting', holder }),
  });
  try {
    const { fileSystem } = StateLock.checkDirectory(repo.root);
    if (fileSystem !== null) emit({ type: 'unsafe-directory', root: repo.root, fileSystem });
    // Loaded here: SQLite and Kysely take longer than the lock, and other threads can work meanwhile.
    const { openDatabase, RunLog } = await import('@devs/db');
    const database = await openDatabase(repo.root, {
      onWarning: ({ message }) => emit({ type: 'database-recovered', message }),
    });
    const log = new RunLog(database.db);
    try {
      excludeOwnFiles(repo);
      await repair(repo, log, emit);
    } catch (error) {
      await database.close();
      throw error;
    }
    return {
      repo,
      lock,
      log,
      async [Symbol.asyncDispose]() {
        try {
          await database.close();
        } finally {
          await lock.release();
        }
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Loaded when it is asked for: it needs a parser, and orphans are rare. */
async function readOrphanPolicy(root: string): Promise<OrphanPolicy> {
  return (await import('./tasks-file.ts')).readOrphanPolicy(root);
}

async function assertNotNested(root: string, parentLockId: string): Promise<void> {
  const status = await StateLock.inspect(root);
  if (status.state === 'free' || status.lock.id !== parentLockId) return;
  throw new CliError(
    'DEVS_NESTED_RUN',
    `StateLockConflictError: this runs inside task ${status.lock.task_id} (pid ${status.lock.pid}), which holds the lock of ${root}; waiting for it would wait for itself`,
    {
      hint: 'run the command itself, without devs: it is protected already',
      exitCode: EXIT_HELD,
      data: { lock: status.lock },
    },
  );
}

/**
 * Opens the project that contains `cwd` to be looked at. What a killed run left is repaired first, under the lock;
 * a living run is not disturbed. Creates nothing where devs never ran.
 */
export async function viewProject(cwd: string, emit: Emit): Promise<ProjectView> {
  const repo = findRepository(cwd);
  const objection = objectToOrphans(() => readOrphanPolicy(repo.root), emit);
  const onWait = (holder: LockData) => emit({ type: 'waiting', holder });
  const takeover = await StateLock.releaseStale(repo.root, undefined, { objection, onWait });
  if (takeover !== null) emit({ type: 'takeover', takeover });
  const isHeld = (await StateLock.inspect(repo.root)).state !== 'free';
  const database = path.join(repo.root, '.devs.db');
  if (!isHeld && (takeover !== null || (await needsRepair(repo, database)))) {
    await using _ = await lockProject(repo, { taskId: 'recover', lazyHeartbeat: true }, emit);
  }
  if (!fs.existsSync(database)) return { repo, log: null, async [Symbol.asyncDispose]() {} };
  const { openDatabase, RunLog } = await import('@devs/db');
  const { db, close } = await openDatabase(repo.root, {
    hasLiveRun: () => isHeld,
    onWarning: ({ message }) => emit({ type: 'database-recovered', message }),
  });
  return { repo, log: new RunLog(db), [Symbol.asyncDispose]: close };
}

async function needsRepair(repo: Repository, database: string): Promise<boolean> {
  if (fs.existsSync(`${database}-wal`) || AtomicSnapshot.hasPendingRestore(repo.root)) return true;
  // Without a database, runs may still be known by their snapshots.
  if (!fs.existsSync(database)) return (await AtomicSnapshot.list(repo.root)).some(({ runId }) => runId !== null);
  const { openDatabase, RunLog } = await import('@devs/db');
  const { db, close } = await openDatabase(repo.root);
  try {
    return await new RunLog(db).hasRunning();
  } finally {
    await close();
  }
}
