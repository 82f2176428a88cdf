import process from 'node:process';
import type { RunWithCommand } from '@devs/db';
import { formatAge, formatDuration } from '../duration.ts';
import { viewProject } from '../project.ts';
import { colour } from '../terminal.ts';
import type { CommandContext } from './context.ts';

/** `devs log`: one line a run, newest first. */
export async function log({ cwd, terminal }: CommandContext, limit: number): Promise<number> {
  await using project = await viewProject(cwd, terminal.event);
  const runs = (await project.log?.list(limit)) ?? [];
  if (terminal.options.json) for (const run of runs) terminal.json({ ...run });
  else if (runs.length === 0) terminal.say('nothing has run here yet');
  else for (const run of runs) terminal.answer(line(run));
  return 0;
}

const COLOURS = { running: 'cyan', succeeded: 'green', failed: 'red', crashed: 'yellow' } as const;

function line(run: RunWithCommand): string {
  const outcome = run.status === 'failed' ? `failed ${run.exit_code ?? ''}`.trim() : run.status;
  const took = run.finished_at === null ? '' : formatDuration(Date.parse(run.finished_at) - Date.parse(run.started_at));
  const kept = run.snapshot_ref === null ? '' : ' kept';
  const shown = colour(COLOURS[run.status], outcome.padEnd(10), process.stdout);
  return `${run.id}  ${formatAge(run.started_at).padEnd(12)} ${shown} ${took.padEnd(8)}${kept.padEnd(6)}${run.task_id}: ${run.command}`;
}
