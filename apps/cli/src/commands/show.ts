import { AtomicSnapshot } from '@devs/snapshot';
import { formatAge, formatDuration } from '../base/units.ts';
import { stat } from '../output/diff-stat.ts';
import { quotePath } from '../output/escape.ts';
import { findProject } from '../project/find-project.ts';
import { viewProject } from '../project/view-project.ts';
import type { CommandContext } from './context.ts';
import { findRun } from './find-run.ts';

/** `devs show`: everything that is known of a run. */
export async function show(context: CommandContext, name: string): Promise<number> {
  const { terminal } = context;
  await using project = await viewProject(findProject(context), terminal.event);
  const run = await findRun(project.log, name);
  const events = await project.log!.events(['crash', 'restore', 'undo', 'drop', 'gc'], [run.id]);
  const kept = run.snapshot_ref;
  const changes =
    kept === null || run.after_ref === null
      ? null
      : await AtomicSnapshot.diff(project.repo, kept, run.after_ref, { lines: true });
  const skipped = kept === null ? [] : (await AtomicSnapshot.show(project.repo, kept)).skipped;
  if (terminal.options.json) {
    terminal.json({ ...run, events, changes, skipped });
    return 0;
  }
  const facts: [name: string, value: string | null][] = [
    ['run', run.id],
    ['task', run.task_id],
    ['command', run.command],
    ['outcome', outcomeOf(run)],
    ['started', `${run.started_at} (${formatAge(run.started_at)})`],
    ['took', run.finished_at && formatDuration(Date.parse(run.finished_at) - Date.parse(run.started_at))],
    ['HEAD', `${run.head_before ?? 'no commit'}${run.head_after === null ? '' : ` -> ${run.head_after}`}`],
    ['before', kept],
    ['after', run.after_ref],
    ...events.map(({ kind, at }): [string, string] => ['history', `${kind}, ${formatAge(at)}`]),
    ...skipped.map(({ path, reason }): [string, string] => ['left out', `${quotePath(path)} (${reason})`]),
  ];
  for (const [fact, value] of facts) if (value !== null) terminal.answer(`${fact.padEnd(10)}${value}`);
  if (changes !== null && changes.length > 0) for (const line of ['', ...stat(changes)]) terminal.answer(line);
  if (kept !== null) terminal.say(`to go back: ${terminal.hint(['devs', 'restore', run.id])}`);
  return 0;
}

function outcomeOf(run: {
  status: string;
  exit_code: number | null;
  signal: string | null;
  error: string | null;
}): string {
  const code = run.status === 'failed' ? ` with exit code ${run.exit_code}` : '';
  return `${run.status}${code}${run.signal === null ? '' : ` by ${run.signal}`}${run.error === null ? '' : `: ${run.error}`}`;
}
