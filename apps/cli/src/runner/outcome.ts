import { EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_TIMEOUT } from '../base/errors.ts';
import { MAX_TIMER_MS } from '../base/units.ts';
import { type ChildEnd, exitCodeOfChild } from '../processes/run-child.ts';

/** How a task ended. */
export interface Outcome {
  readonly ok: boolean;
  readonly exitCode: number;
  readonly signal: string | null;
  readonly error: string | null;
}

/** A signal that aborts after `timeout` milliseconds; without a timeout it never does. */
export function startTimer(timeout: number | undefined): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = timeout === undefined ? undefined : setTimeout(abort, Math.min(timeout, MAX_TIMER_MS));
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}

/** Runs a function task; what it throws is its outcome. */
export async function callFunction<C>(run: (context: C) => Promise<void>, context: C): Promise<Outcome> {
  try {
    await run(context);
    return { ok: true, exitCode: 0, signal: null, error: null };
  } catch (error) {
    return { ok: false, exitCode: 1, signal: null, error: error instanceof Error ? error.message : String(error) };
  }
}

/** The outcome of a task that was ended after `timeout` milliseconds. */
export function timedOut(outcome: Outcome, timeout: number): Outcome {
  return { ...outcome, ok: false, exitCode: EXIT_TIMEOUT, error: `time ran out after ${timeout} ms` };
}

export function outcomeOfChild(end: ChildEnd): Outcome {
  if (end.error !== null) {
    const exitCode = end.error.code === 'ENOENT' ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
    return { ok: false, exitCode, signal: null, error: end.error.message };
  }
  const exitCode = exitCodeOfChild(end);
  return { ok: exitCode === 0, exitCode, signal: end.signal, error: null };
}
