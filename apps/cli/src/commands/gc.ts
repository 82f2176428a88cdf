import { AtomicSnapshot, type SnapshotInfo } from '@devs/snapshot';
import { CliError, EXIT_USAGE } from '../base/errors.ts';
import { formatAge, formatBytes, formatCount, parseDuration } from '../base/units.ts';
import { endOnSecondInterrupt } from '../processes/signals.ts';
import { dropIfThere } from '../project/drop-if-there.ts';
import type { LockedProject } from '../project/lock-project.ts';
import type { CommandContext } from './context.ts';
import { lockIfUsed } from './with-lock.ts';

export interface GcFlags {
  readonly olderThan?: string;
  readonly keep?: string;
  readonly dryRun?: boolean;
}

const DEFAULT_AGE = '14d';

/** The snapshots of one run, which go together. */
interface Group {
  readonly runId: string;
  readonly newest: SnapshotInfo;
  readonly refs: readonly string[];
}

/**
 * `devs gc`: drops the snapshots of old runs and restores. Checkpoints stay until `devs drop` drops
 * them.
 */
export async function gc(context: CommandContext, flags: GcFlags): Promise<number> {
  const limits = readLimits(flags);
  using _ = endOnSecondInterrupt();
  await using project = await lockIfUsed(context, 'gc');
  if (project === null) return report(context, [], 0, flags);
  const { repo } = project;
  const groups = (await groupsOf(project)).filter((group, position) => isOld(group, position, limits));
  const refs = groups.flatMap((group) => group.refs);
  const others = (await AtomicSnapshot.list(repo)).map(({ ref }) => ref).filter((ref) => !refs.includes(ref));
  const bytes = await AtomicSnapshot.ownBytes(repo, refs, others);
  if (flags.dryRun !== true) for (const group of groups) await dropGroup(project, group);
  return report(context, groups, bytes, flags);
}

interface Limits {
  readonly olderThanMs: number;
  readonly keep: number;
}

function readLimits({ olderThan, keep }: GcFlags): Limits {
  if (keep !== undefined && !/^\d+$/.test(keep)) {
    throw new CliError('DEVS_USAGE', `--keep needs a number of runs, not '${keep}'`, {
      hint: ['devs', 'gc', '--keep', '10', '--dry-run'],
      exitCode: EXIT_USAGE,
    });
  }
  // A number alone means: all but so many.
  const age = olderThan ?? (keep === undefined ? DEFAULT_AGE : '0s');
  return { olderThanMs: parseDuration(age), keep: Number(keep ?? 0) };
}

/** Newest first. */
async function groupsOf({ repo, log }: LockedProject): Promise<Group[]> {
  const checkpoints = new Set(
    (await log.runsWithSnapshots()).filter(({ status }) => status === 'snapshot').map(({ id }) => id),
  );
  const byRun = new Map<string, SnapshotInfo[]>();
  for (const info of await AtomicSnapshot.list(repo)) {
    if (info.runId !== null && !checkpoints.has(info.runId))
      byRun.set(info.runId, [info, ...(byRun.get(info.runId) ?? [])]);
  }
  return [...byRun]
    .map(([runId, infos]) => ({ runId, newest: infos[0]!, refs: infos.map(({ ref }) => ref) }))
    .sort((a, b) => (a.newest.id < b.newest.id ? 1 : -1));
}

function isOld({ newest }: Group, position: number, { olderThanMs, keep }: Limits): boolean {
  return position >= keep && Date.now() - Date.parse(newest.takenAt) >= olderThanMs;
}

/**
 * Writes the row first: after a kill, the next start drops what no row names, and the next gc the
 * rest.
 */
async function dropGroup({ repo, log }: LockedProject, { runId, refs }: Group): Promise<void> {
  if ((await log.run(runId)) !== undefined)
    await log.setSnapshots(runId, { snapshotRef: null, afterRef: null }, 'gc', { refs });
  for (const ref of refs) await dropIfThere(repo, ref);
}

function report(
  { terminal }: CommandContext,
  groups: readonly Group[],
  bytes: number,
  { dryRun = false }: GcFlags,
): number {
  const dropped = groups.map(({ runId, newest, refs }) => ({
    run: runId,
    task: newest.label,
    at: newest.takenAt,
    refs,
  }));
  if (terminal.options.json) {
    terminal.json({ type: 'gc', dryRun, dropped, bytes });
    return 0;
  }
  for (const { run, task, at, refs } of dropped) {
    terminal.answer(`${run}  ${task}  ${formatAge(at)}  ${formatCount(refs.length, 'snapshot')}`);
  }
  if (dropped.length === 0) terminal.say('no snapshot is old enough to go');
  else {
    const verb = dryRun ? 'would drop' : 'dropped';
    terminal.say(
      `${verb} the snapshots of ${formatCount(dropped.length, 'run')}, ${formatBytes(bytes)} that nothing else here holds`,
    );
    if (!dryRun) terminal.say(`git frees the space in time; at once: ${terminal.hint(['git', 'gc', '--prune=now'])}`);
  }
  return 0;
}
