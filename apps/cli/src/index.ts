export { CliError } from './errors.ts';
export type { Emit, RunnerEvent } from './events.ts';
export {
  assertTaskId,
  type CommandTask,
  type FunctionTask,
  type SequenceTask,
  type Task,
  type TaskContext,
} from './task.ts';
export { type RunResult, TaskRunner, type TaskRunnerOptions } from './task-runner.ts';
