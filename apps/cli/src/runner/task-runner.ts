import fs from 'node:fs';
import process from 'node:process';
import type { Changes } from '@devs/db';
import {
  AtomicSnapshot,
  AtomicSnapshotError,
  findRepository,
  type GitEnvironment,
  type Head,
  newSnapshotId,
  type Progress,
  prepareTake,
  type Repository,
  type TakeReport,
  takeSnapshot,
} from '@devs/snapshot';
import { now } from '../base/clock.ts';
import { EXIT_DEVS } from '../base/errors.ts';
import { mayRecordCommand } from '../config/record-command.ts';
import { runChild } from '../processes/run-child.ts';
import { shieldFromSignals } from '../processes/signals.ts';
import { processesWith, type SurvivorPolicy } from '../processes/surviving-processes.ts';
import { dropIfThere } from '../project/drop-if-there.ts';
import type { Emit } from '../project/events.ts';
import { type LockedProject, lockProject } from '../project/lock-project.ts';
import { recordRestore } from '../project/record-restore.ts';
import { countChanges } from './count-changes.ts';
import { callFunction, type Outcome, outcomeOfChild, startTimer, timedOut } from './outcome.ts';
import { assertTaskId, type CommandTask, describe, type Task } from './task.ts';

export interface TaskRunnerOptions {
  /** Anywhere inside the work tree to protect. */
  readonly cwd: string;
  /** What git would see of the environment. Default: a home directory, and no variable of git's. */
  readonly environment?: GitEnvironment | undefined;
  /**
   * What happens to the repository when the task fails. Default `keep`: it stays, and can be
   * restored.
   */
  readonly onFailure?: 'keep' | 'restore';
  /** What happens to the snapshot when the task succeeds. Default `drop`. */
  readonly onSuccess?: 'drop' | 'keep';
  /** Milliseconds to wait for the lock. Default 0. */
  readonly wait?: number;
  /** Milliseconds after which the task is ended. Default: never. */
  readonly timeout?: number;
  /** Patterns of ignored files to capture all the same. */
  readonly includeIgnored?: readonly string[];
  /** Whether to start beside the surviving processes of a killed run. Default: `refuse`. */
  readonly survivors?: SurvivorPolicy;
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
  /** The repository as the run left it; null unless the snapshot is kept. */
  readonly afterRef: string | null;
  /** What the run changed; null where nothing was counted, because its snapshot was dropped. */
  readonly changes: Changes | null;
  readonly restored: boolean;
  readonly durationMs: number;
}

/** For a user who keeps command lines out of the object store: `recordCommand` of devs.json. */
const NOT_RECORDED = '(not recorded)';

/** What became of the run's snapshots. */
type RunSnapshots = Pick<RunResult, 'snapshotRef' | 'afterRef' | 'changes' | 'restored'>;

/** The states before and after a run. */
type RunStates = Omit<RunSnapshots, 'restored'> & { readonly afterOid: string | null };

/**
 * A run whose task has ended. What it took is known by its commit: a task can rewrite or delete
 * every ref.
 */
interface EndedRun {
  readonly project: LockedProject;
  readonly task: Task;
  readonly runId: string;
  readonly before: Pick<TakeReport, 'ref' | 'oid'>;
  /** What its commits say of its command. */
  readonly recorded: string;
}

/**
 * Runs tasks as transactions on one project: lock, snapshot, task, then drop the snapshot or keep
 * it, unlock. Whatever happens in between, the next start repairs it.
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
   * @throws StateLockConflictError when another run holds the lock; `AtomicSnapshotError`,
   * `DatabaseError`, `StateLockError`, `CliError` when devs itself cannot do its part. The task has
   * not run then, unless the error came from what follows it; its snapshot is kept in that case.
   */
  async run(task: Task): Promise<RunResult> {
    assertTaskId(task.id);
    const { cwd, environment, wait = 0, signal, parentLockId, survivors } = this.#options;
    // Its thread starts while this one waits for the lock and opens the database.
    const repo = findRepository(cwd, environment);
    prepareTake(repo);
    const request = {
      taskId: task.id,
      command: describe(task),
      wait,
      parentLockId,
      survivors,
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
    const started = now();
    const command = describe(task);
    const recorded = (await mayRecordCommand(repo.root)) ? command : NOT_RECORDED;
    const trailers = { Command: recorded };
    const options = { runId, includeIgnored, onProgress: this.#onProgress };
    const report = await takeSnapshot(repo, task.id, { ...options, kind: 'before', trailers });
    this.#emit({ type: 'snapshot-taken', runId, report, ms: now() - started });
    const row = {
      id: runId,
      taskId: task.id,
      command,
      headBefore: report.head.oid,
      snapshotRef: report.ref,
      snapshotOid: report.oid,
    };
    await this.#timed('write the run', () => log.start(row));
    lock.assertHeld();
    this.#emit({ type: 'started', runId, taskId: task.id, command });
    const outcome = await this.#execute(project, task, runId, report.ref);
    const run = { project, task, runId, before: report, recorded };
    const processes = processesWith('DEVS_RUN_ID', runId);
    if (processes.length > 0) this.#emit({ type: 'surviving-processes', holder: null, processes });
    const end = await this.#end(run, outcome);
    const { exitCode, signal, error } = outcome;
    const status = outcome.ok ? 'succeeded' : 'failed';
    return { runId, taskId: task.id, status, exitCode, signal, error, ...end, durationMs: now() - started };
  }

  /**
   * What follows the task. Where devs itself fails in it, the user must still learn how the task
   * ended.
   */
  async #end(run: EndedRun, outcome: Outcome): Promise<RunSnapshots> {
    try {
      return outcome.ok ? await this.#succeed(run) : await this.#fail(run, outcome);
    } catch (error) {
      const how = outcome.error ?? (outcome.signal === null ? `exit code ${outcome.exitCode}` : `by ${outcome.signal}`);
      this.#emit({ type: 'end-not-written', runId: run.runId, outcome: how });
      throw error;
    }
  }

  async #succeed(run: EndedRun): Promise<RunSnapshots> {
    const { project, runId, before } = run;
    const { log } = project;
    const found = this.#findAgain(run);
    // A repository that cannot be read any more may well be what the user wants to take back.
    const forget = this.#options.onSuccess !== 'keep' && found !== null;
    const end = { status: 'succeeded' as const, exitCode: 0, headAfter: found?.head.oid ?? null, forget };
    await this.#timed('write the end', () => log.finish(runId, end));
    if (!forget) {
      const { afterOid: _, ...snapshots } = await this.#takeAfterIfSound(run, 'succeeded 0');
      return { ...snapshots, restored: false };
    }
    await this.#timed('drop the snapshot', () => this.#drop(found.repo, before));
    return { snapshotRef: null, afterRef: null, changes: null, restored: false };
  }

  /**
   * The repository and its HEAD: the task may have changed what kind of repository it is. Null: it
   * cannot be read.
   */
  #findAgain({ project, runId }: EndedRun): { readonly repo: Repository; readonly head: Head } | null {
    try {
      const repo = findRepository(project.repo.root, project.repo.environment);
      return { repo, head: AtomicSnapshot.head(repo) };
    } catch (error) {
      if (!(error instanceof AtomicSnapshotError)) throw error;
      this.#emit({ type: 'end-unknown', runId, message: error.message });
      return null;
    }
  }

  /**
   * The command has succeeded, and its row says so: a ref that cannot be removed now is removed by
   * a later command.
   */
  async #drop(repo: Repository, { ref, oid }: EndedRun['before']): Promise<void> {
    try {
      await dropIfThere(repo, ref, oid);
    } catch (error) {
      if (!(error instanceof AtomicSnapshotError)) throw error;
      this.#emit({ type: 'snapshot-not-dropped', ref, message: error.message });
    }
  }

  async #fail(run: EndedRun, outcome: Outcome): Promise<RunSnapshots> {
    const { runId, before } = run;
    const { log, lock } = run.project;
    const { exitCode, signal, error } = outcome;
    // Written at once, and again with what the after snapshot adds: taking that one may fail.
    await log.finish(runId, { status: 'failed', exitCode, signal, error });
    const { afterOid, ...kept } = await this.#takeAfterIfSound(run, `failed ${exitCode}`);
    // The process that took the lock away may be at work here: then nothing is restored over it.
    if (this.#options.onFailure !== 'restore' || lock.signal.aborted) return { ...kept, restored: false };
    const started = now();
    const options = { ...(afterOid === null ? {} : { after: afterOid }), keep: true, onProgress: this.#onProgress };
    using _ = shieldFromSignals();
    // The commit that was taken, in the repository that was found: the task may have rewritten the
    // ref.
    const repo = this.#whereItIs(run.project);
    const report = { ...(await AtomicSnapshot.restore(repo, before.oid, options)), ref: before.ref };
    await recordRestore(repo, log, report);
    this.#emit({ type: 'restored', runId, report, ms: now() - started });
    return { snapshotRef: null, afterRef: null, changes: kept.changes, restored: true };
  }

  /**
   * As `#takeAfter`. A task may leave a repository that no snapshot can be taken of; the run then
   * ends as it would have, with its before snapshot, and what it did is said to be unknown.
   */
  async #takeAfterIfSound(run: EndedRun, outcome: string): Promise<RunStates> {
    const unknown = { snapshotRef: run.before.ref, afterRef: null, afterOid: null, changes: null };
    if (!this.#hasGitDirectory(run)) return unknown;
    await this.#holdAgain(run);
    try {
      return await this.#takeAfter(run, outcome);
    } catch (error) {
      if (!(error instanceof AtomicSnapshotError)) throw error;
      this.#emit({ type: 'end-unknown', runId: run.runId, message: error.message });
      return unknown;
    }
  }

  /**
   * The repository by its new place where the task moved the git directory; by its old one where
   * there is none.
   */
  #whereItIs({ repo }: LockedProject): Repository {
    try {
      return findRepository(repo.root, repo.environment);
    } catch (error) {
      if (!(error instanceof AtomicSnapshotError)) throw error;
      return repo;
    }
  }

  /**
   * Whether there is a git directory. The snapshots and the history are in it, and go where the
   * task moves it.
   */
  #hasGitDirectory({ project, runId }: EndedRun): boolean {
    const { gitDir } = project.repo;
    const now = this.#whereItIs(project).gitDir;
    const isThere = fs.existsSync(now);
    if (isThere && now === gitDir) return true;
    const message = isThere
      ? `the git directory was ${gitDir} and is ${now}; the snapshots and the history are there now`
      : `the git directory ${gitDir} is gone, and the snapshots with it; they are usable again once it is back`;
    this.#emit({ type: 'end-unknown', runId, message });
    return isThere;
  }

  /** Gives the run's snapshot its ref again where the task deleted or rewrote it. */
  async #holdAgain({ project, runId, before }: EndedRun): Promise<void> {
    try {
      const isMended = await AtomicSnapshot.hold(this.#whereItIs(project), before);
      if (isMended) this.#emit({ type: 'snapshot-held-again', runId, ref: before.ref });
    } catch (error) {
      if (!(error instanceof AtomicSnapshotError)) throw error;
      this.#emit({ type: 'end-unknown', runId, message: error.message });
    }
  }

  /**
   * The repository as the run left it: what a later restore is proven against, and what the run
   * changed.
   */
  async #takeAfter({ project, task, runId, before, recorded }: EndedRun, outcome: string): Promise<RunStates> {
    const { repo, log } = project;
    const { includeIgnored = [] } = this.#options;
    const trailers = { Command: recorded, Outcome: outcome };
    const options = {
      kind: 'after' as const,
      runId,
      includeIgnored,
      since: before.oid,
      trailers,
      onProgress: this.#onProgress,
    };
    // Found again: the task may have changed the configuration that decides what is captured.
    const changed = findRepository(repo.root, repo.environment);
    const after = await this.#timed('snapshot what the run did', () => takeSnapshot(changed, task.id, options));
    await log.setAfter(runId, { afterRef: after.ref, afterOid: after.oid, headAfter: after.head.oid });
    const changes = await this.#timed('count what the run changed', () => countChanges(changed, before.oid, after.oid));
    await log.setChanges(runId, changes);
    return { snapshotRef: before.ref, afterRef: after.ref, afterOid: after.oid, changes };
  }

  async #execute(project: LockedProject, task: Task, runId: string, snapshotRef: string): Promise<Outcome> {
    const { timeout, signal } = this.#options;
    using timer = startTimer(timeout);
    const stop = AbortSignal.any([project.lock.signal, timer.signal, ...(signal === undefined ? [] : [signal])]);
    const outcome =
      'run' in task
        ? await callFunction(task.run, { signal: stop, runId, snapshotRef })
        : await this.#runCommands(project, 'steps' in task ? task.steps : [task], runId, stop);
    if (timer.signal.aborted) return timedOut(outcome, timeout!);
    if (project.lock.signal.aborted) {
      return { ...outcome, ok: false, exitCode: EXIT_DEVS, error: (project.lock.signal.reason as Error).message };
    }
    return outcome;
  }

  /** In order, up to the first that fails. */
  async #runCommands(project: LockedProject, steps: readonly CommandTask[], runId: string, stop: AbortSignal) {
    let outcome: Outcome = { ok: true, exitCode: 0, signal: null, error: null };
    for (const step of steps) {
      outcome = await this.#spawn(project, step, runId, stop);
      if (!outcome.ok) break;
    }
    return outcome;
  }

  async #spawn({ repo, lock }: LockedProject, task: CommandTask, runId: string, stop: AbortSignal): Promise<Outcome> {
    const env = { ...process.env, ...task.env, DEVS_LOCK_ID: lock.id, DEVS_RUN_ID: runId };
    const { timeout } = task;
    using timer = startTimer(timeout);
    const signal = timeout === undefined ? stop : AbortSignal.any([stop, timer.signal]);
    const outcome = outcomeOfChild(await runChild(task.command, { cwd: task.cwd ?? repo.root, env, signal }));
    return timer.signal.aborted ? timedOut(outcome, timeout!) : outcome;
  }

  readonly #onProgress = (progress: Progress) => this.#emit({ type: 'progress', progress });

  async #timed<T>(name: string, work: () => Promise<T>): Promise<T> {
    const started = now();
    const result = await work();
    this.#emit({ type: 'step', name, ms: now() - started });
    return result;
  }
}
