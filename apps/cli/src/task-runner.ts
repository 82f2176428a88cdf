import process from 'node:process';
import type { RunEnd } from '@devs/db';
import { AtomicSnapshot, findRepository, newSnapshotId, prepareTake, takeSnapshot } from '@devs/snapshot';
import { EXIT_DEVS, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_TIMEOUT } from './errors.ts';
import type { Emit } from './events.ts';
import { type OrphanPolicy, processesWith } from './left-behind.ts';
import { type LockedProject, lockProject } from './project.ts';
import { dropIfThere } from './repair.ts';
import { type ChildEnd, exitCodeOfChild, runChild } from './run-child.ts';
import { assertTaskId, describe, type Task } from './task.ts';

export interface TaskRunnerOptions {
  /** Anywhere inside the work tree to protect. */
  readonly cwd: string;
  /** What happens to the repository when the task fails. Default `keep`: it stays, and can be restored. */
  readonly onFailure?: 'keep' | 'restore';
  /** What happens to the snapshot when the task succeeds. Default `drop`. */
  readonly onSuccess?: 'drop' | 'keep';
  /** Milliseconds to wait for the lock. Default 0. */
  readonly wait?: number;
  /** Milliseconds after which the task is ended. Default: never. */
  readonly timeout?: number;
  /** Patterns of ignored files to capture all the same. */
  readonly includeIgnored?: readonly string[];
  /** Whether to start beside processes that a killed run left at work. Default: `orphans` of devs.json, or `refuse`. */
  readonly orphans?: OrphanPolicy;
  /** Cancels the wait for the lock, or the task. */
  readonly signal?: AbortSignal;
  readonly onEvent?: Emit;
  /** `DEVS_LOCK_ID` of the environment, so that a run inside a run is refused at once. */
  readonly parentLockId?: string | undefined;
}

export interface RunResult {
  readonly runId: string;
  readonly taskId: string;
  readonly status: 'succeeded' | 'failed';
  /** As the shell has it: the command's own, 128 and the signal's number, 124 when time ran out. */
  readonly exitCode: number;
  readonly signal: string | null;
  readonly error: string | null;
  /** The repository before the run; null once it was dropped or restored. */
  readonly snapshotRef: string | null;
  /** The repository as a failed run left it. */
  readonly afterRef: string | null;
  readonly restored: boolean;
  readonly durationMs: number;
}

interface Outcome {
  readonly ok: boolean;
  readonly exitCode: number;
  readonly signal: string | null;
  readonly error: string | null;
}

/**
 * Runs tasks as transactions on one project: lock, snapshot, task, then drop the snapshot or keep it, unlock. Whatever
 * happens in between, the next start repairs it.
 */
export class TaskRunner {
  readonly #options: TaskRunnerOptions;
  readonly #emit: Emit;

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
    this.#emit = options.onEvent ?? (() => {});
  }

  /**
   * Runs one task. A task that fails is a result, not an error.
   * @throws StateLockConflictError when another run holds the lock; `AtomicSnapshotError`, `DatabaseError`,
   * `StateLockError`, `CliError` when devs itself cannot do its part. The task has not run then, unless the error came
   * from what follows it; its snapshot is kept in that case.
   */
  async run(task: Task): Promise<RunResult> {
    assertTaskId(task.id);
    const { cwd, wait = 0, signal, parentLockId, orphans } = this.#options;
    // Its thread starts while this one waits for the lock and opens the database.
    const repo = findRepository(cwd);
    prepareTake(repo);
    const request = {
      taskId: task.id,
      command: describe(task),
      wait,
      parentLockId,
      orphans,
      ...(signal === undefined ? {} : { signal }),
      // A command leaves this thread free; a function may block it from its first statement on.
      lazyHeartbeat: !('run' in task),
    };
    await using project = await this.#timed('lock and open', () => lockProject(repo, request, this.#emit));
    return await this.#runLocked(project, task);
  }

  async #runLocked(project: LockedProject, task: Task): Promise<RunResult> {
    const { repo, log, lock } = project;
    const { includeIgnored = [] } = this.#options;
    const runId = newSnapshotId();
    const started = performance.now();
    const report = await takeSnapshot(repo.root, task.id, { kind: 'before', runId, includeIgnored });
    this.#emit({ type: 'snapshot-taken', runId, report, ms: performance.now() - started });
    const row = {
      id: runId,
      taskId: task.id,
      command: describe(task),
      headBefore: report.head.oid,
      snapshotRef: report.ref,
    };
    await this.#timed('write the run', () => log.start(row));
    lock.assertHeld();
    this.#emit({ type: 'started', runId, taskId: task.id, command: row.command });
    const outcome = await this.#execute(project, task, runId, report.ref);
    const leftBehind = processesWith('DEVS_RUN_ID', runId);
    if (leftBehind.length > 0) this.#emit({ type: 'left-behind', processes: leftBehind });
    const end = outcome.ok
      ? await this.#succeed(project, runId, report.ref)
      : await this.#fail(project, task, runId, report.ref, outcome);
    const { exitCode, signal, error } = outcome;
    const status = outcome.ok ? 'succeeded' : 'failed';
    return { runId, taskId: task.id, status, exitCode, signal, error, ...end, durationMs: performance.now() - started };
  }

  /** The row first, then the snapshot: killed in between, the next start drops it. */
  async #succeed({ repo, log }: LockedProject, runId: string, ref: string) {
    const keep = this.#options.onSuccess === 'keep';
    if (keep) await log.event('keep', runId, { ref });
    const headAfter = AtomicSnapshot.head(repo.root).oid;
    await this.#timed('write the end', () => log.finish(runId, { status: 'succeeded', exitCode: 0, headAfter }));
    if (keep) return { snapshotRef: ref, afterRef: null, restored: false };
    await this.#timed('drop the snapshot', () => dropIfThere(repo.root, ref));
    await log.forgetSnapshot(runId, null);
    return { snapshotRef: null, afterRef: null, restored: false };
  }

  async #fail({ repo, log, lock }: LockedProject, task: Task, runId: string, ref: string, outcome: Outcome) {
    const { includeIgnored = [], onFailure = 'keep' } = this.#options;
    const end: RunEnd = { status: 'failed', exitCode: outcome.exitCode, signal: outcome.signal, error: outcome.error };
    // Written at once, and again with what the after snapshot adds: taking that one may fail.
    await log.finish(runId, end);
    const after = await this.#timed('snapshot what the run did', () =>
      takeSnapshot(repo.root, task.id, { kind: 'after', runId, includeIgnored }),
    );
    await log.finish(runId, { ...end, headAfter: after.head.oid, afterRef: after.ref });
    // Whoever took the lock away may be at work here: then nothing is restored over it.
    if (onFailure === 'keep' || lock.signal.aborted) return { snapshotRef: ref, afterRef: after.ref, restored: false };
    const started = performance.now();
    const report = await AtomicSnapshot.restore(repo.root, ref, { expectedHead: after.head });
    await log.forgetSnapshot(runId, 'restore', { safety_ref: report.safetyRef });
    await dropIfThere(repo.root, after.ref);
    this.#emit({ type: 'restored', runId, report, ms: performance.now() - started });
    return { snapshotRef: null, afterRef: null, restored: true };
  }

  async #execute(project: LockedProject, task: Task, runId: string, snapshotRef: string): Promise<Outcome> {
    const { timeout, signal } = this.#options;
    const timer = new AbortController();
    const timeoutId = timeout === undefined ? undefined : setTimeout(() => timer.abort(), timeout);
    const stop = AbortSignal.any([project.lock.signal, timer.signal, ...(signal === undefined ? [] : [signal])]);
    try {
      const outcome =
        'run' in task
          ? await callFunction(task.run, { signal: stop, runId, snapshotRef })
          : await this.#spawn(project, task, runId, stop);
      if (timer.signal.aborted)
        return { ...outcome, ok: false, exitCode: EXIT_TIMEOUT, error: `time ran out after ${timeout} ms` };
      if (project.lock.signal.aborted) {
        return { ...outcome, ok: false, exitCode: EXIT_DEVS, error: (project.lock.signal.reason as Error).message };
      }
      return outcome;
    } finally {
      clearTimeout(timeoutId);
    }
  }

  async #spawn(
    { repo, lock }: LockedProject,
    task: Extract<Task, { command: unknown }>,
    runId: string,
    signal: AbortSignal,
  ) {
    const env = { ...process.env, ...task.env, DEVS_LOCK_ID: lock.id, DEVS_RUN_ID: runId };
    return outcomeOfChild(await runChild(task.command, { cwd: task.cwd ?? repo.root, env, signal }));
  }

  async #timed<T>(name: string, work: () => Promise<T>): Promise<T> {
    const started = performance.now();
    const result = await work();
    this.#emit({ type: 'step', name, ms: performance.now() - started });
    return result;
  }
}

async function callFunction<C>(run: (context: C) => Promise<void>, context: C): Promise<Outcome> {
  try {
    await run(context);
    return { ok: true, exitCode: 0, signal: null, error: null };
  } catch (error) {
    return { ok: false, exitCode: 1, signal: null, error: error instanceof Error ? error.message : String(error) };
  }
}

function outcomeOfChild(end: ChildEnd): Outcome {
  if (end.error !== null) {
    const exitCode = end.error.code === 'ENOENT' ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
    return { ok: false, exitCode, signal: null, error: end.error.message };
  }
  const exitCode = exitCodeOfChild(end);
  return { ok: exitCode === 0, exitCode, signal: end.signal, error: null };
}
