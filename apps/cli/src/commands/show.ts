import type { Run } from '@devs/db';
import { AtomicSnapshot } from '@devs/snapshot';
import { formatAge, formatDuration } from '../base/units.ts';
import { stat } from '../output/diff-stat.ts';
import { quotePath } from '../output/escape.ts';
import { eventJson, runJson } from '../output/record-json.ts';
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
  const before = run.snapshotRef;
  const changes =
    before === null || run.afterRef === null
      ? null
      : await AtomicSnapshot.diff(project.repo, before, run.afterRef, { lines: true });
  const skipped = before === null ? [] : (await AtomicSnapshot.show(project.repo, before)).skipped;
  if (terminal.options.json) {
    terminal.json({ ...runJson(run), events: events.map(eventJson), changes, skipped });
    return 0;
  }
  const facts: [name: string, value: string | null][] = [
    ['run', run.id],
    ['task', run.taskId],
    ['command', run.command],
    ['outcome', outcomeOf(run)],
    ['started', `${run.startedAt} (${formatAge(run.startedAt)})`],
    ['took', run.finishedAt && formatDuration(Date.parse(run.finishedAt) - Date.parse(run.startedAt))],
    ['HEAD', `${run.headBefore ?? 'no commit'}${run.headAfter === null ? '' : ` -> ${run.headAfter}`}`],
    ['before', before],
    ['after', run.afterRef],
    ...events.map(({ kind, at }): [string, string] => ['history', `${kind}, ${formatAge(at)}`]),
    ...skipped.map(({ path, reason }): [string, string] => ['left out', `${quotePath(path)} (${reason})`]),
  ];
  for (const [fact, value] of facts) if (value !== null) terminal.answer(`${fact.padEnd(10)}${value}`);
  if (changes !== null && changes.length > 0) for (const line of ['', ...stat(changes)]) terminal.answer(line);
  if (before !== null) terminal.say(`to go back: ${terminal.hint(['devs', 'restore', run.id])}`);
  return 0;
}

function outcomeOf(run: Pick<Run, 'status' | 'exitCode' | 'signal' | 'error'>): string {
  const code = run.status === 'failed' ? ` with exit code ${run.exitCode}` : '';
  return `${run.status}${code}${run.signal === null ? '' : ` by ${run.signal}`}${run.error === null ? '' : `: ${run.error}`}`;
}
