import fs from 'node:fs';
import { StateLock } from '@devs/lock';
import { AtomicSnapshot, AtomicSnapshotError } from '@devs/snapshot';
import type { Hint } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';
import { survivorsOf } from '../processes/surviving-processes.ts';
import { excludeFile, excludeOwnFiles, isOwnKind, missingExcludes } from '../project/exclude.ts';
import { openLogIfThere } from '../project/open-log.ts';
import { databaseDirectory, inspectProject } from '../project/project-state.ts';
import { needsReconciling } from '../project/reconcile.ts';
import type { Check, Finding } from './finding.ts';
import { gitFiles } from './git-files.ts';
import { gitLocks } from './git-locks.ts';
import { remotes } from './remotes.ts';

/** A snapshot of a large change must fit, and git needs room of its own. */
const LEAST_FREE_BYTES = 1 << 30;

const lock: Check = async ({ repo }) => {
  const status = await inspectProject(repo);
  if (status.state === 'free') return [{ check: 'lock', ok: true, message: 'free' }];
  const { pid, task_id } = status.lock;
  const who = `task ${task_id}, pid ${pid}: ${status.evidence}`;
  if (status.state === 'held') return [{ check: 'lock', ok: true, message: `held by ${who}` }];
  const isSafe = status.state === 'dead' && survivorsOf(status.lock).length === 0;
  const finding = { check: 'lock', ok: false, message: `held by nobody alive that can be seen (${who})` };
  return [isSafe ? { ...finding, fix: 'repair' } : { ...finding, hint: ['devs', 'status'] }];
};

const directory: Check = ({ repo }) => {
  const { safe, fileSystem } = StateLock.checkDirectory(repo.root);
  if (safe) return [{ check: 'directory', ok: true, message: 'locks hold here' }];
  const message = `${repo.root} is on ${fileSystem}: a run on another machine may not see this one's lock`;
  return [{ check: 'directory', ok: false, message, hint: ['df', repo.root] }];
};

const disk: Check = ({ repo }) => {
  const { bavail, bsize } = fs.statfsSync(repo.commonDir);
  const free = bavail * bsize;
  const message = `${formatBytes(free)} free for snapshots`;
  if (free >= LEAST_FREE_BYTES) return [{ check: 'disk', ok: true, message }];
  return [{ check: 'disk', ok: false, message: `only ${message}`, hint: ['devs', 'gc', '--dry-run'] }];
};

const restore: Check = ({ repo }) => {
  const state = AtomicSnapshot.journalState(repo);
  if (state === 'absent') return [{ check: 'restore', ok: true, message: 'none interrupted' }];
  if (state === 'foreign') {
    const message = `${repo.gitDir}/devs/restore.json has no seal of this repository: nothing that it asks for is ever done`;
    return [{ check: 'restore', ok: false, message, fix: 'repair' }];
  }
  return [
    { check: 'restore', ok: false, message: 'a restore was interrupted and waits to be finished', fix: 'repair' },
  ];
};

const database: Check = async ({ repo, isHeld }) => {
  const { checkDatabase } = await import('@devs/db');
  const { exists, leftovers, problems } = checkDatabase(databaseDirectory(repo));
  if (problems.length > 0) {
    return [
      { check: 'database', ok: false, message: problems.join('; '), ...(isHeld ? {} : { fix: 'repair' as const }) },
    ];
  }
  if (leftovers.length > 0 && !isHeld) {
    const message = `${leftovers.join(', ')} left behind by a killed process`;
    return [{ check: 'database', ok: false, message, fix: 'repair' }];
  }
  return [{ check: 'database', ok: true, message: exists ? 'sound' : 'none yet' }];
};

/** No command lists the snapshots of a work tree that was removed. */
const workTrees: Check = async ({ repo }) => {
  const all = await AtomicSnapshot.list(repo, { allWorkTrees: true });
  const isThere = (name: string) => fs.existsSync(`${repo.commonDir}/worktrees/${name}`);
  const lost = all.filter(({ workTreeName }) => workTreeName !== null && !isThere(workTreeName));
  if (lost.length === 0) return [{ check: 'work trees', ok: true, message: 'all that have snapshots are there' }];
  return lost.map(({ ref, workTreeName }) => ({
    check: 'work trees',
    ok: false,
    message: `${ref} is of the work tree ${workTreeName}, which is gone`,
    hint: ['git', 'stash', 'show', '--include-untracked', ref],
  }));
};

/** Rows and refs that do not know each other. */
const history: Check = async ({ repo, isHeld }) => {
  if (isHeld) return [{ check: 'history', ok: true, message: 'not looked at: a run is in progress' }];
  const { checkDatabase } = await import('@devs/db');
  const { exists, leftovers, problems } = checkDatabase(databaseDirectory(repo));
  // Said by the check of the database already.
  if (leftovers.length > 0 || problems.length > 0) return [];
  if (!exists) {
    const runs = (await AtomicSnapshot.list(repo)).filter(({ runId }) => runId !== null);
    if (runs.length === 0) return [{ check: 'history', ok: true, message: 'nothing has run here yet' }];
    const message = `${runs.length} snapshots of runs that no database knows`;
    return [{ check: 'history', ok: false, message, fix: 'repair' }];
  }
  const opened = await openLogIfThere(repo, {});
  if (opened === null) return [];
  const { log, close } = opened;
  try {
    if (await log.hasRunning()) {
      return [{ check: 'history', ok: false, message: 'a run never ended: devs was killed', fix: 'repair' }];
    }
    if (await needsReconciling(repo, log)) {
      const message = 'snapshots that no run names, or runs whose snapshots are gone';
      return [{ check: 'history', ok: false, message, fix: 'repair' }];
    }
    return [{ check: 'history', ok: true, message: 'every snapshot has its run' }];
  } finally {
    await close();
  }
};

const FSCK: Hint = ['git', 'fsck', '--full'];

/** Reads every object that a restore may need. */
const snapshots: Check = async ({ repo }) => {
  const seen = new Set<string>();
  const findings: Finding[] = [];
  const all = await AtomicSnapshot.list(repo);
  for (const { ref } of all) {
    try {
      for (const { path, problem } of (await AtomicSnapshot.verify(repo, ref, seen)).problems) {
        findings.push({
          check: 'snapshots',
          ok: false,
          message: `${ref}: ${path}: ${problem}`,
          hint: FSCK,
        });
      }
    } catch (error) {
      if (!(error instanceof AtomicSnapshotError)) throw error;
      const hint = error.hint ?? FSCK;
      findings.push({ check: 'snapshots', ok: false, message: `${ref}: ${error.message}`, hint });
    }
  }
  if (findings.length > 0) return findings;
  return [{ check: 'snapshots', ok: true, message: `${all.length} kept, all of it reads back` }];
};

const exclude: Check = ({ repo }) => {
  const missing = missingExcludes(repo);
  if (missing.length === 0 || !fs.existsSync(databaseDirectory(repo))) {
    return [{ check: 'exclude', ok: true, message: "git does not see devs's own files" }];
  }
  const fix = () => {
    excludeOwnFiles(repo);
    return `added ${missing.join(' and ')} to info/exclude`;
  };
  const message = `git sees devs's own files: ${missing.join(', ')} not excluded`;
  if (isOwnKind(repo)) return [{ check: 'exclude', ok: false, message, fix }];
  const file = excludeFile(repo);
  const why = `${message}, and ${file} is not a file that devs writes to`;
  return [{ check: 'exclude', ok: false, message: why, hint: ['ls', '-l', file] }];
};

/** The first version kept its database in the work tree, where a clone can put one, too. */
const workTreeDatabase: Check = ({ repo }) => {
  const found = fs.readdirSync(repo.root).filter((name) => name.startsWith('.devs.db'));
  const check = 'work tree';
  if (found.length === 0) return [{ check, ok: true, message: 'no database lies in it' }];
  const message = `${found.join(', ')} in the work tree: devs does not open it, and it can be removed`;
  return [{ check, ok: true, message }];
};

/** In the order in which they are shown. */
export const CHECKS: readonly Check[] = [
  lock,
  directory,
  disk,
  restore,
  gitFiles,
  gitLocks,
  database,
  history,
  snapshots,
  workTrees,
  remotes,
  exclude,
  workTreeDatabase,
];
