import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import os from 'node:os';
import process from 'node:process';
import { exactCommand } from './raw-words.ts';
import { commandRuns } from './signals.ts';

export interface ChildEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The process could not be started. */
  readonly error: NodeJS.ErrnoException | null;
}

export interface ChildOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Ends the child: SIGTERM, and SIGKILL ten seconds later. */
  readonly signal: AbortSignal;
}

const KILL_AFTER_MS = 10_000;
const FORWARDED = ['SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a command with this process's own terminal, in its process group, so that job control and
 * prompts work. A SIGINT from the terminal reaches the child by itself: this process only waits
 * (see `endOnSecondInterrupt`). SIGTERM and SIGHUP are passed on.
 */
export function runChild(command: readonly [string, ...string[]] | string, options: ChildOptions): Promise<ChildEnd> {
  const { cwd, env, signal } = options;
  const spawnOptions = { cwd, env, stdio: 'inherit' as const };
  return new Promise((resolve) => {
    const child =
      typeof command === 'string'
        ? spawn(command, { ...spawnOptions, shell: true })
        : spawnWords(exactCommand(command), spawnOptions);
    const stopForwarding = forwardSignals(child);
    let killer: NodeJS.Timeout | undefined;
    const end = () => {
      child.kill('SIGTERM');
      killer ??= setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    };
    const running = commandRuns(end);
    if (signal.aborted) end();
    signal.addEventListener('abort', end);
    const done = (result: ChildEnd) => {
      stopForwarding();
      running[Symbol.dispose]();
      signal.removeEventListener('abort', end);
      clearTimeout(killer);
      resolve(result);
    };
    child.once('error', (error) => done({ exitCode: null, signal: null, error }));
    child.once('exit', (exitCode, childSignal) => done({ exitCode, signal: childSignal, error: null }));
  });
}

function spawnWords([program, ...words]: readonly [string, ...string[]], options: SpawnOptions): ChildProcess {
  return spawn(program, words, options);
}

function forwardSignals(child: ChildProcess): () => void {
  const handlers = FORWARDED.map((name) => [name, () => child.kill(name)] as const);
  for (const [name, handler] of handlers) process.on(name, handler);
  return () => {
    for (const [name, handler] of handlers) process.off(name, handler);
  };
}

/** The shell's convention: the exit code, or 128 and the signal's number. */
export function exitCodeOfChild({ exitCode, signal }: ChildEnd): number {
  return exitCode ?? 128 + (signal === null ? 0 : os.constants.signals[signal]);
}
