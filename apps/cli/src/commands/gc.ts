import { AtomicSnapshot, type SnapshotInfo } from '@devs/snapshot';
import { CliError, EXIT_USAGE } from '../base/errors.ts';
import { formatAge, formatBytes, formatCount, parseDuration } from '../base/units.ts';
import { shieldFromSignals } from '../processes/run-child.ts';
import { dropIfThere } from '../project/drop-if-there.ts';
import { findProject } from '../project/find-project.ts';
import type { LockedProject } from '../project/lock-project.ts';
import { viewProject } from '../project/view-project.ts';
import type { CommandContext } from './context.ts';
import { lockFor } from './with-lock.ts';

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
 * `devs gc`: drops the snapshots of old runs and restores. Snapshots that somebody asked for stay: `devs drop` is for
 * those.
 */
export async function gc(context: CommandContext, flags: GcFlags): Promise<number> {
  const { terminal } = context;
  const limits = readLimits(flags);
  using _ = shieldFromSignals();
  {
    // Where nothing ever ran, no database must come into being.
    await using view = await viewProject(findProject(context), terminal.event);
    if (view.log === null) return report(context, [], 0, flags);
  }
  await using project = await lockFor(context, 'gc');
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
  const asked = new Set((await log.kept()).filter(({ status }) => status === 'snapshot').map(({ id }) => id));
  const byRun = new Map<string, SnapshotInfo[]>();
  for (const info of await AtomicSnapshot.list(repo)) {
    if (info.runId !== null && !asked.has(info.runId)) byRun.set(info.runId, [info, ...(byRun.get(info.runId) ?? [])]);
  }
  return [...byRun]
    .map(([runId, infos]) => ({ runId, newest: infos[0]!, refs: infos.map(({ ref }) => ref) }))
    .sort((a, b) => (a.newest.id < b.newest.id ? 1 : -1));
}

function isOld({ newest }: Group, position: number, { olderThanMs, keep }: Limits): boolean {
  return position >= keep && Date.now() - Date.parse(newest.takenAt) >= olderThanMs;
}

/** The row first: killed in between, the next start drops what no row names, and the next gc the rest. */
async function dropGroup({ repo, log }: LockedProject, { runId, refs }: Group): Promise<void> {
  if (await log.knows(runId)) await log.setSnapshots(runId, { snapshotRef: null, afterRef: null }, 'gc', { refs });
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
