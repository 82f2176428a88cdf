import type { RunLog } from '@devs/db';
import { type AcquireOptions, StateLock, StateLockError, type Takeover } from '@devs/lock';
import type { Repository } from '@devs/snapshot';
import { CliError, EXIT_HELD } from '../base/errors.ts';
import type { SurvivorPolicy } from '../processes/surviving-processes.ts';
import type { Emit } from './events.ts';
import { objectToSurvivors } from './object-to-survivors.ts';
import { openRepaired } from './open-log.ts';
import { ProjectLock } from './project-lock.ts';
import { inspectProject, isSameHolder } from './project-state.ts';
import type { RepairOptions } from './repair.ts';

/**
 * A project whose lock this process holds: it may change anything. Disposing closes the database,
 * then unlocks.
 */
export interface LockedProject extends AsyncDisposable {
  readonly repo: Repository;
  readonly lock: ProjectLock;
  readonly log: RunLog;
}

export interface LockRequest
  extends Pick<AcquireOptions, 'wait' | 'signal' | 'command' | 'lazyHeartbeat'>,
    RepairOptions {
  readonly taskId: string;
  /** `DEVS_LOCK_ID` of the environment: the lock of the run this process was started by. */
  readonly parentLockId?: string | undefined;
  /**
   * Whether to refuse to start beside the surviving processes of a killed run, or to warn. Default:
   * refuse.
   */
  readonly survivors?: SurvivorPolicy | undefined;
}

/**
 * Locks a project and repairs what a killed predecessor left. Creates a database where there is
 * none.
 */
export async function lockProject(repo: Repository, request: LockRequest, emit: Emit): Promise<LockedProject> {
  const { taskId, parentLockId, survivors, leavesRestore, ...options } = request;
  if (parentLockId !== undefined) await assertNotNested(repo, parentLockId);
  const takeovers: Takeover[] = [];
  const lock = await ProjectLock.acquire(repo, taskId, {
    ...options,
    objection: objectToSurvivors(survivors ?? 'refuse', emit),
    onTakeover: (takeover) => {
      // Both records of one dead run are taken over.
      if (takeovers.some(({ previous }) => isSameHolder(previous, takeover.previous))) return;
      takeovers.push(takeover);
      emit({ type: 'takeover', takeover });
    },
    onWait: (holder) => emit({ type: 'waiting', holder }),
  });
  try {
    const { fileSystem } = StateLock.checkDirectory(repo.root);
    if (fileSystem !== null) emit({ type: 'unsafe-directory', root: repo.root, fileSystem });
    const database = await openRepaired(repo, emit, { leavesRestore });
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
          await releaseOrWarn(lock, emit);
        }
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/**
 * What was done is done: a task may leave a root or a git directory in which no record can be
 * removed, and the next command takes over what a dead process left.
 */
async function releaseOrWarn(lock: ProjectLock, emit: Emit): Promise<void> {
  try {
    await lock.release();
  } catch (error) {
    if (!(error instanceof StateLockError)) throw error;
    emit({ type: 'lock-not-removed', message: error.message });
  }
}

async function assertNotNested(repo: Repository, parentLockId: string): Promise<void> {
  const status = await inspectProject(repo);
  if (status.state === 'free' || status.lock.id !== parentLockId) return;
  throw new CliError(
    'DEVS_NESTED_RUN',
    `StateLockConflictError: this runs inside task ${status.lock.task_id} (pid ${status.lock.pid}), which holds the lock of ${repo.root}; waiting for it would wait for itself. Run the command without devs: it is protected already`,
    {
      hint: ['devs', 'status'],
      exitCode: EXIT_HELD,
      data: { lock: status.lock },
    },
  );
}
