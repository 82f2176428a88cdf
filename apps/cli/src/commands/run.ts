import path from 'node:path';
import type { Changes } from '@devs/db';
import { environmentFrom } from '@devs/snapshot';
import { CliError, EXIT_USAGE, type Hint } from '../base/errors.ts';
import { formatCount, parseDuration } from '../base/units.ts';
import type { NamedTask } from '../config/tasks-file.ts';
import { assertCommandExists } from '../processes/find-command.ts';
import { endOnSecondInterrupt } from '../processes/signals.ts';
import { findProject } from '../project/find-project.ts';
import { assertTaskId, type CommandTask, type SequenceTask, taskIdOf } from '../runner/task.ts';
import { type RunResult, TaskRunner, type TaskRunnerOptions } from '../runner/task-runner.ts';
import type { CommandContext } from './context.ts';

export interface RunFlags {
  readonly id?: string;
  readonly onFailure?: 'keep' | 'restore';
  readonly onSuccess?: 'drop' | 'keep';
  readonly wait?: string | true;
  readonly timeout?: string;
  readonly includeIgnored?: readonly string[];
  readonly force?: boolean;
  readonly atomic?: boolean;
}

interface Job {
  readonly task: CommandTask | SequenceTask;
  readonly options: Pick<TaskRunnerOptions, 'onFailure' | 'onSuccess' | 'timeout' | 'includeIgnored' | 'survivors'>;
}

/**
 * `devs run`: the named tasks in order, or the command after `--`; stops at the first that fails.
 */
export async function run(
  context: CommandContext,
  names: readonly string[],
  command: readonly string[] | null,
  flags: RunFlags,
): Promise<number> {
  const jobs = await planJobs(context, names, command, flags);
  using _ = endOnSecondInterrupt();
  for (const job of jobs) {
    const result = await runJob(context, job, flags);
    if (result.status === 'failed') return result.exitCode;
  }
  return 0;
}

/** Checks everything that can be wrong before anything is locked or written. */
async function planJobs(
  context: CommandContext,
  names: readonly string[],
  command: readonly string[] | null,
  flags: RunFlags,
): Promise<Job[]> {
  const { cwd, env } = context;
  if (flags.id !== undefined) assertTaskId(flags.id);
  if (command !== null && names.length > 0) {
    throw usage('name tasks, or give a command after --, not both', ['devs', 'run', '--', ...command]);
  }
  if (flags.id !== undefined && names.length > 1 && flags.atomic !== true)
    throw usage('--id names one task, and there are several', ['devs', 'run', '--atomic', '--id', flags.id, ...names]);
  if (names.length > 0) {
    // Loaded here: a command after -- needs no parser of task files.
    const { findTask } = await import('../config/tasks-file.ts');
    const { root } = findProject(context);
    const jobs = names.map((name) => namedJob(name, findTask(name, cwd, root), env, flags));
    return flags.atomic === true && jobs.length > 1 ? [asOne(jobs, flags)] : jobs;
  }
  if (command === null || command.length === 0 || command[0] === '')
    throw usage('there is no command to run', ['devs', 'run', '--help']);
  const words = command as [string, ...string[]];
  assertCommandExists(words[0], cwd, env.PATH ?? '');
  return [{ task: { id: flags.id ?? taskIdOf(words), command: words, cwd }, options: optionsOf(flags) }];
}

interface NamedJob extends Job {
  readonly task: CommandTask;
}

function namedJob(name: string, found: NamedTask, env: NodeJS.ProcessEnv, flags: RunFlags): NamedJob {
  const id = flags.id ?? (/^[A-Za-z0-9]/.test(name) ? name.replace(/[^A-Za-z0-9._-]+/g, '-') : taskIdOf([name]));
  assertTaskId(id);
  const PATH = [...found.binDirectories, env.PATH ?? ''].join(path.delimiter);
  const task = { id, command: found.run, cwd: found.cwd, env: { PATH } };
  return { task, options: { ...settings(found), ...optionsOf(flags) } };
}

/**
 * One transaction of several tasks. Each keeps its own time limit; one that restores on failure
 * makes all restore.
 */
function asOne(jobs: readonly NamedJob[], flags: RunFlags): Job {
  const steps = jobs.map(({ task, options }) =>
    options.timeout === undefined || flags.timeout !== undefined ? task : { ...task, timeout: options.timeout },
  );
  const all = jobs.map(({ options }) => options);
  const includeIgnored = [...new Set(all.flatMap((options) => options.includeIgnored ?? []))];
  const id =
    flags.id ??
    steps
      .map((step) => step.id)
      .join('-')
      .slice(0, 100);
  const options = {
    ...(all.some(({ onFailure }) => onFailure === 'restore') ? { onFailure: 'restore' as const } : {}),
    ...(all.some(({ onSuccess }) => onSuccess === 'keep') ? { onSuccess: 'keep' as const } : {}),
    ...(all.every(({ survivors }) => survivors === 'warn') ? { survivors: 'warn' as const } : {}),
    includeIgnored,
    ...optionsOf(flags),
  };
  return { task: { id, steps }, options };
}

function optionsOf(flags: RunFlags): Job['options'] {
  const { timeout, ...others } = flags;
  return settings(timeout === undefined ? others : { ...others, timeout: parseDuration(timeout) });
}

/** Those that are set. */
function settings({ onFailure, onSuccess, timeout, includeIgnored, survivors }: Job['options']): Job['options'] {
  return {
    ...(onFailure === undefined ? {} : { onFailure }),
    ...(onSuccess === undefined ? {} : { onSuccess }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(includeIgnored === undefined ? {} : { includeIgnored }),
    ...(survivors === undefined ? {} : { survivors }),
  };
}

async function runJob(context: CommandContext, job: Job, flags: RunFlags): Promise<RunResult> {
  const { cwd, terminal, env } = context;
  const wait =
    flags.wait === undefined ? 0 : flags.wait === true ? Number.POSITIVE_INFINITY : parseDuration(flags.wait);
  const runner = new TaskRunner({
    cwd,
    environment: environmentFrom(env),
    wait,
    ...job.options,
    ...(flags.force === true ? { survivors: 'warn' } : {}),
    onEvent: terminal.event,
    parentLockId: env.DEVS_LOCK_ID,
  });
  const result = await runner.run(job.task);
  if (terminal.options.json) terminal.note({ type: 'run', ...result });
  else if (result.status === 'failed') explainFailure(context, result);
  else if (result.snapshotRef !== null)
    terminal.say(`succeeded; the snapshot is kept: ${terminal.hint(['devs', 'restore', result.runId])}`);
  return result;
}

function explainFailure({ terminal }: CommandContext, result: RunResult): void {
  const { runId, taskId, exitCode, signal, error, changes } = result;
  const why = error ?? (signal === null ? `exit code ${exitCode}` : `killed by ${signal}`);
  if (result.restored) {
    terminal.warn(`${taskId} failed: ${why}. The repository is as it was before.`);
    return;
  }
  terminal.warn(`${taskId} failed: ${why}. ${didOf(changes)} The repository as it was before is kept as run ${runId}.`);
  for (const [verb, what] of [
    ['diff', 'look at what it did'],
    ['restore', 'bring everything back'],
    ['drop', 'keep what it did'],
  ] as const) {
    terminal.say(`  ${`${what}:`.padEnd(25)}${terminal.hint(['devs', verb, runId])}`);
  }
}

function didOf(changes: Changes | null): string {
  if (changes === null) return 'What it changed is not known.';
  return changes.files === 0 ? 'It changed no file.' : `It changed ${countOf(changes)}.`;
}

function countOf({ files, added, deleted }: Changes): string {
  const lines = added === null || deleted === null ? '' : ` (+${added} -${deleted} lines)`;
  return `${formatCount(files, 'file')}${lines}`;
}

function usage(message: string, hint: Hint): CliError {
  return new CliError('DEVS_USAGE', message, { hint, exitCode: EXIT_USAGE });
}
