import { CliError, EXIT_USAGE } from '../base/errors.ts';
import { quoteArgv } from '../base/quote-argv.ts';

/** What a function task is given. */
export interface TaskContext {
  /** Aborted when the lock is lost, the time is up, or the caller cancels. */
  readonly signal: AbortSignal;
  readonly runId: string;
  /** The repository as it was before the task. */
  readonly snapshotRef: string;
}

/** A command: words as they are, or one line for the shell. */
export interface CommandTask {
  readonly id: string;
  readonly command: readonly [string, ...string[]] | string;
  /** Default: the project root. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds after which this command is ended. Default: never. */
  readonly timeout?: number;
}

export interface FunctionTask {
  readonly id: string;
  readonly run: (context: TaskContext) => Promise<void>;
}

/** Commands in one transaction: in order, up to the first that fails. */
export interface SequenceTask {
  readonly id: string;
  readonly steps: readonly CommandTask[];
}

export type Task = CommandTask | FunctionTask | SequenceTask;

/** For people: what the task runs. */
export function describe(task: Task): string {
  if ('run' in task) return `function ${task.run.name || task.id}`;
  if ('steps' in task) return task.steps.map(describe).join(' && ');
  return typeof task.command === 'string' ? task.command : quoteArgv(task.command);
}

const TASK_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** @throws CliError `DEVS_TASK_ID` unless `id` can name a task. */
export function assertTaskId(id: string): void {
  if (TASK_ID.test(id) && !id.includes('..') && !id.endsWith('.lock')) return;
  throw new CliError(
    'DEVS_TASK_ID',
    `'${id}' cannot be a task id: 1 to 100 letters, digits, dots, dashes and underscores, beginning with a letter or digit, without ".." and without ".lock" at the end`,
    {
      hint: ['devs', 'run', '--help'],
      exitCode: EXIT_USAGE,
      data: { id },
    },
  );
}

/** A task id made of a command's words: `git status --short` gives `git-status-short`. */
export function taskIdOf(words: readonly string[]): string {
  const base = words.map((word, i) => (i === 0 ? word.replace(/^.*[/\\]/, '') : word)).join('-');
  const id = base
    .replace(/[^A-Za-z0-9_]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 40)
    .replace(/-+$/, '');
  return id === '' ? 'command' : id;
}
