import type { RunLog } from '@devs/db';
import { newSnapshotId, type Repository, takeSnapshot } from '@devs/snapshot';
import { endOnSecondInterrupt } from '../processes/signals.ts';
import { findProject } from '../project/find-project.ts';
import { openLogIfThere } from '../project/open-log.ts';
import { inspectProject } from '../project/project-state.ts';
import { assertTaskId } from '../runner/task.ts';
import type { CommandContext } from './context.ts';
import { lockFor } from './with-lock.ts';

/**
 * `devs snapshot`: keeps the repository as it is now, under a label; `devs restore <label>` goes
 * back to it. Inside a run it needs no lock: that run holds it.
 */
export async function snapshot(context: CommandContext, label = 'snapshot'): Promise<number> {
  assertTaskId(label);
  const { env } = context;
  using _ = endOnSecondInterrupt();
  const repo = findProject(context);
  const status = await inspectProject(repo);
  if (status.state === 'held' && env.DEVS_LOCK_ID !== undefined && status.lock.id === env.DEVS_LOCK_ID) {
    const opened = await openLogIfThere(repo, { hasLiveRun: () => true });
    if (opened !== null) {
      try {
        return await takeCheckpoint(context, repo, opened.log, label);
      } finally {
        await opened.close();
      }
    }
  }
  await using project = await lockFor(context, 'snapshot');
  return await takeCheckpoint(context, repo, project.log, label);
}

async function takeCheckpoint(
  { terminal }: CommandContext,
  repo: Repository,
  log: RunLog,
  label: string,
): Promise<number> {
  const id = newSnapshotId();
  const report = await takeSnapshot(repo, label, { kind: 'manual', runId: id, onProgress: terminal.progress });
  const { ref, head, changed, untracked, skipped } = report;
  await log.addSnapshot({ id, taskId: label, command: '(snapshot)', headBefore: head.oid, snapshotRef: ref });
  if (terminal.options.json) terminal.json({ type: 'snapshot', id, label, ref, changed, untracked, skipped });
  else
    terminal.say(
      `kept as ${id} (${changed} changed, ${untracked} untracked): ${terminal.hint(['devs', 'restore', id])}`,
    );
  return 0;
}
