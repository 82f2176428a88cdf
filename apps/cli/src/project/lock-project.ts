import type { RunLog } from '@devs/db';
import { type AcquireOptions, type HeldStateLock, StateLock, type Takeover } from '@devs/lock';
import type { Repository } from '@devs/snapshot';
import { CliError, EXIT_HELD } from '../base/errors.ts';
import type { OrphanPolicy } from '../processes/surviving-processes.ts';
import type { Emit } from './events.ts';
import { objectToOrphans } from './object-to-orphans.ts';
import { openRepaired } from './open-log.ts';

/** A project whose lock this process holds: it may change anything. Disposing closes the database, then unlocks. */
export interface LockedProject extends AsyncDisposable {
  readonly repo: Repository;
  readonly lock: HeldStateLock;
  readonly log: RunLog;
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
  const takeovers: Takeover[] = [];
  const lock = await StateLock.acquire(repo.root, taskId, {
    ...options,
    objection: objectToOrphans(async () => orphans ?? (await readOrphanPolicy(repo.root)), emit),
    onTakeover: (takeover) => {
      takeovers.push(takeover);
      emit({ type: 'takeover', takeover });
    },
    onWait: (holder) => emit({ type: 'waiting', holder }),
  });
  try {
    const { fileSystem } = StateLock.checkDirectory(repo.root);
    if (fileSystem !== null) emit({ type: 'unsafe-directory', root: repo.root, fileSystem });
    const database = await openRepaired(repo, emit);
    const { log } = database;
    for (const takeover of takeovers) await log.event('takeover', null, takeover);
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
export async function readOrphanPolicy(root: string): Promise<OrphanPolicy> {
  return (await import('../config/tasks-file.ts')).readOrphanPolicy(root);
}

async function assertNotNested(root: string, parentLockId: string): Promise<void> {
  const status = await StateLock.inspect(root);
  if (status.state === 'free' || status.lock.id !== parentLockId) return;
  throw new CliError(
    'DEVS_NESTED_RUN',
    `StateLockConflictError: this runs inside task ${status.lock.task_id} (pid ${status.lock.pid}), which holds the lock of ${root}; waiting for it would wait for itself. Run the command without devs: it is protected already`,
    {
      hint: ['devs', 'status'],
      exitCode: EXIT_HELD,
      data: { lock: status.lock },
    },
  );
}
