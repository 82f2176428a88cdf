export { CLI_ERROR_CODES, CliError, type CliErrorCode } from './base/errors.ts';
export type { Emit, RunnerEvent } from './project/events.ts';
export {
  assertTaskId,
  type CommandTask,
  type FunctionTask,
  type SequenceTask,
  type Task,
  type TaskContext,
} from './runner/task.ts';
export { type RunResult, TaskRunner, type TaskRunnerOptions } from './runner/task-runner.ts';
