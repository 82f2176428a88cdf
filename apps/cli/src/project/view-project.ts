import fs from 'node:fs';
import path from 'node:path';
import type { OpenOptions, RunLog } from '@devs/db';
import { type LockData, StateLock } from '@devs/lock';
import { AtomicSnapshot, type Repository } from '@devs/snapshot';
import type { Emit } from './events.ts';
import { lockProject, readOrphanPolicy } from './lock-project.ts';
import { objectToOrphans } from './object-to-orphans.ts';
import { type OpenLog, openLog } from './open-log.ts';
import { needsReconciling } from './reconcile.ts';

/** A project opened to be looked at. `log` is null where nothing has run yet. */
export interface ProjectView extends AsyncDisposable {
  readonly repo: Repository;
  readonly log: RunLog | null;
}

/**
 * Opens a project to be looked at. What a killed run left is repaired first, under the lock;
 * a living run is not disturbed. Creates nothing where devs never ran.
 */
export async function viewProject(repo: Repository, emit: Emit): Promise<ProjectView> {
  const objection = objectToOrphans(() => readOrphanPolicy(repo.root), emit);
  const onWait = (holder: LockData) => emit({ type: 'waiting', holder });
  const takeover = await StateLock.releaseStale(repo.root, undefined, { objection, onWait });
  if (takeover !== null) emit({ type: 'takeover', takeover });
  const isHeld = (await StateLock.inspect(repo.root)).state !== 'free';
  const options: OpenOptions = {
    hasLiveRun: () => isHeld,
    onWarning: ({ message }) => emit({ type: 'database-recovered', message }),
  };
  const database = path.join(repo.root, '.devs.db');
  let opened: OpenLog | null = null;
  if (isHeld) opened = fs.existsSync(database) ? await openLog(repo.root, options) : null;
  else if (takeover !== null || (await hasHistory(repo, database))) {
    opened = takeover === null ? await openSound(repo, database, options) : null;
    if (opened === null) {
      await (await lockProject(repo, { taskId: 'recover', lazyHeartbeat: true }, emit))[Symbol.asyncDispose]();
      opened = await openLog(repo.root, options);
      if (takeover !== null) await opened.log.event('takeover', null, takeover);
    }
  }
  const { log, close } = opened ?? { log: null, close: async () => {} };
  return { repo, log, [Symbol.asyncDispose]: close };
}

/** Without a database, runs may still be known by their snapshots. */
async function hasHistory(repo: Repository, database: string): Promise<boolean> {
  if (fs.existsSync(database) || AtomicSnapshot.hasPendingRestore(repo)) return true;
  return (await AtomicSnapshot.list(repo)).some(({ runId }) => runId !== null);
}

/** The database; null where something has to be repaired. */
async function openSound(repo: Repository, database: string, options: OpenOptions): Promise<OpenLog | null> {
  if (!fs.existsSync(database) || fs.existsSync(`${database}-wal`) || AtomicSnapshot.hasPendingRestore(repo))
    return null;
  const { DatabaseError } = await import('@devs/db');
  let opened: OpenLog | undefined;
  try {
    opened = await openLog(repo.root, options);
    if (!(await opened.log.hasRunning()) && !(await needsReconciling(repo, opened.log))) return opened;
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== 'DEVS_DB_DAMAGED') throw error;
  }
  await opened?.close();
  return null;
}
