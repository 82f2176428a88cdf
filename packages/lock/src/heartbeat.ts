import fs from 'node:fs';
import { Worker } from 'node:worker_threads';

const IDLE = 0;
const WRITING = 1;
const STOPPED = 2;

/**
 * Runs in a worker, so that a blocked event loop misses no beat. Kept as text because it must load from a bundle, from
 * TypeScript sources and from a package alike. It writes through the holder's own descriptor: whatever file has the
 * lock's name by then, only the holder's is touched.
 */
const WORKER_SOURCE = `
const fs = require('node:fs');
const { parentPort } = require('node:worker_threads');
parentPort.on('message', ({ fd, offset, intervalMs, state }) => {
  const timer = setInterval(() => {
    const before = Atomics.compareExchange(state, 0, ${IDLE}, ${WRITING});
    if (before === ${STOPPED}) return clearInterval(timer);
    try { fs.writeSync(fd, new Date().toISOString(), offset); } catch {}
    Atomics.store(state, 0, ${IDLE});
    Atomics.notify(state, 0);
  }, intervalMs);
});
`;

let worker: Worker | undefined;

function sharedWorker(): Worker {
  if (worker === undefined) {
    worker = new Worker(WORKER_SOURCE, { eval: true, execArgv: [], env: {} });
    // A worker that dies takes the beats with it; the next lock starts another. The lock itself stays sound: a missed
    // beat matters only to a reader that cannot see this process, and it waits for minutes.
    worker.on('error', () => {
      worker = undefined;
    });
    worker.unref();
  }
  return worker;
}

export interface Heartbeat {
  /** After this returns nothing is written through the descriptor any more, so it may be closed. */
  stop(): void;
}

/** Writes the time at `offset` of `fd` every `intervalMs` milliseconds. */
export function startHeartbeat(fd: number, offset: number, intervalMs: number): Heartbeat {
  const state = new Int32Array(new SharedArrayBuffer(4));
  sharedWorker().postMessage({ fd, offset, intervalMs, state });
  return {
    stop(): void {
      while (Atomics.compareExchange(state, 0, IDLE, STOPPED) === WRITING) Atomics.wait(state, 0, WRITING, 100);
    },
  };
}

/** True where `file` no longer is the file open as `fd`. */
export function isReplaced(fd: number, file: string): boolean {
  const own = fs.fstatSync(fd);
  const now = fs.lstatSync(file, { throwIfNoEntry: false });
  return now === undefined || now.ino !== own.ino || now.dev !== own.dev;
}
