import process from 'node:process';
import type { Run, RunLog } from '@devs/db';
import { CliError, EXIT_USAGE } from '../base/errors.ts';
import { shortId } from '../base/short-id.ts';
import { formatAge, formatCount, formatDuration } from '../base/units.ts';
import { escapeLine } from '../output/escape.ts';
import { runJson } from '../output/record-json.ts';
import type { Coloured } from '../output/terminal.ts';
import { findProject } from '../project/find-project.ts';
import { viewProject } from '../project/view-project.ts';
import type { CommandContext } from './context.ts';

/** What became of a run's snapshot. */
type Fate = 'kept' | 'restored' | 'dropped' | null;

/** `devs log`: one line a run, newest first. */
export async function log(context: CommandContext, count: string): Promise<number> {
  const { terminal } = context;
  const limit = readCount(count);
  await using project = await viewProject(findProject(context), terminal.event);
  const runs = (await project.log?.list(limit)) ?? [];
  if (runs.length === 0) {
    if (!terminal.options.json && !project.isUnreadable) terminal.say('nothing has run here yet');
    return 0;
  }
  const fates = await fatesOf(project.log!, runs);
  if (terminal.options.json) for (const run of runs) terminal.json({ ...runJson(run), fate: fates.get(run.id) });
  else
    for (const line of table(runs, fates, process.stdout.isTTY ? process.stdout.columns : null))
      terminal.answer(...line);
  return 0;
}

/** A positive number of at most nine digits. */
function readCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new CliError('DEVS_USAGE', `-n needs a number of runs, not '${text}'`, {
    hint: ['devs', 'log', '-n', '20'],
    exitCode: EXIT_USAGE,
    data: { count: text },
  });
}

async function fatesOf(log: RunLog, runs: readonly Run[]): Promise<Map<string, Fate>> {
  const fates = new Map<string, Fate>(runs.map(({ id, snapshotRef }) => [id, snapshotRef === null ? null : 'kept']));
  const ids = [...fates].filter(([, fate]) => fate === null).map(([id]) => id);
  // Newest first: the first says how it ended.
  for (const { runId, kind } of await log.events(['restore', 'undo', 'drop', 'gc'], ids)) {
    if (fates.get(runId!) === null) fates.set(runId!, kind === 'restore' ? 'restored' : 'dropped');
  }
  return fates;
}

const COLOURS = {
  running: 'cyan',
  succeeded: 'green',
  failed: 'red',
  crashed: 'yellow',
  snapshot: 'cyan',
} as const;

function table(runs: readonly Run[], fates: ReadonlyMap<string, Fate>, width: number | null): (string | Coloured)[][] {
  const short = runs.map(({ id }) => shortId(id));
  const isUnique = new Set(short).size === short.length;
  const rows = runs.map((run, i) => [
    isUnique ? short[i]! : run.id,
    formatAge(run.startedAt),
    run.status === 'failed' ? `failed ${run.exitCode ?? ''}`.trim() : run.status,
    changesOf(run),
    run.finishedAt === null ? '' : formatDuration(Date.parse(run.finishedAt) - Date.parse(run.startedAt)),
    fates.get(run.id) ?? '',
    // Escaped before it is measured.
    escapeLine((isDerived(run) ? run.command : `${run.taskId}: ${run.command}`).replace(/\s+/g, ' ')),
  ]);
  const last = rows[0]!.length - 1;
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row, i) => {
    const before = row.slice(0, last).map((cell, column) => cell.padEnd(widths[column]!));
    const room = width === null ? null : Math.max(10, width - before.join('  ').length - 3);
    const command = shorten(row[last]!, room);
    const status = { colour: COLOURS[runs[i]!.status], text: before[2]! };
    return [`${before.slice(0, 2).join('  ')}  `, status, `  ${[...before.slice(3), command].join('  ')}`];
  });
}

/** Whether the task's id says nothing that its command does not. */
function isDerived({ taskId, command }: Run): boolean {
  return command.replace(/[^A-Za-z0-9_]+/g, '-').startsWith(taskId.replace(/[^A-Za-z0-9_]+/g, '-'));
}

function changesOf({ filesChanged: files, linesAdded: added, linesDeleted: deleted }: Run): string {
  if (files === null) return '';
  const lines = added === null || deleted === null ? '' : ` +${added} -${deleted}`;
  return `${formatCount(files, 'file')}${lines}`;
}

function shorten(text: string, room: number | null): string {
  return room === null || text.length <= room ? text : `${text.slice(0, room - 1)}…`;
}
