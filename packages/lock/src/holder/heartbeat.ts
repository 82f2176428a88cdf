import process from 'node:process';

/**
 * States of a slot. Only the worker moves BEATING <-> WRITING; only the holder moves FREE ->
 * BEATING -> FREE.
 */
const FREE = 0;
const BEATING = 1;
const WRITING = 2;
/**
 * Words of a slot: state, file descriptor, offset of the timestamp, interval in milliseconds, use
 * counter.
 */
const SLOT_WORDS = 5;
const SLOTS = 256;
/** The first word counts changes of the table; the worker sleeps on it. */
const HEADER_WORDS = 1;

/**
 * Runs in a worker, so that a blocked event loop misses no beat. Kept as text because it must load
 * from a bundle, from TypeScript sources and from a package alike. It writes through the holder's
 * own descriptor: whatever file has the lock's name by then, only the holder's is touched, and only
 * while it still holds a record. It shares a table with the holder instead of exchanging messages,
 * which would cost more than the lock.
 */
const WORKER_SOURCE = `
const fs = require('node:fs');
const { workerData: table } = require('node:worker_threads');
const due = new Array(${SLOTS}).fill(0);
const uses = new Array(${SLOTS}).fill(0);
const mark = Buffer.from('"timestamp":"');
const found = Buffer.alloc(mark.length);
// The file may have been renamed to something of the user's, and written to, since it was ours.
function beat(fd, offset) {
  fs.readSync(fd, found, 0, mark.length, offset - mark.length);
  if (found.equals(mark)) fs.writeSync(fd, new Date().toISOString(), offset);
}
for (;;) {
  const version = Atomics.load(table, 0);
  let next = Infinity;
  const now = performance.now();
  for (let slot = 0; slot < ${SLOTS}; slot++) {
    const at = ${HEADER_WORDS} + slot * ${SLOT_WORDS};
    if (Atomics.load(table, at) !== ${BEATING}) continue;
    const interval = Atomics.load(table, at + 3);
    // Another lock than the last time, though the slot was never seen free.
    if (uses[slot] !== table[at + 4]) { uses[slot] = table[at + 4]; due[slot] = now + interval; }
    if (now >= due[slot] && Atomics.compareExchange(table, at, ${BEATING}, ${WRITING}) === ${BEATING}) {
      try { beat(table[at + 1], table[at + 2]); } catch {}
      Atomics.store(table, at, ${BEATING});
      Atomics.notify(table, at);
      due[slot] = now + interval;
    }
    next = Math.min(next, due[slot]);
  }
  Atomics.wait(table, 0, version, Math.max(1, next - performance.now()));
}
`;

let table: Int32Array<SharedArrayBuffer> | undefined;

function sharedTable(): Int32Array<SharedArrayBuffer> {
  if (table === undefined) {
    const words = new Int32Array(new SharedArrayBuffer((HEADER_WORDS + SLOTS * SLOT_WORDS) * 4));
    // Loaded here: most runs are over before their first beat.
    const { Worker } = process.getBuiltinModule('node:worker_threads');
    const worker = new Worker(WORKER_SOURCE, { eval: true, execArgv: [], env: {}, workerData: words });
    // A worker that dies takes the beats with it; the next lock starts another. The lock itself
    // stays sound: a missed beat matters only to a reader that cannot see this process, and it
    // waits for minutes.
    worker.on('error', () => {
      table = undefined;
    });
    worker.unref();
    table = words;
  }
  return table;
}

export interface Heartbeat {
  /** After this returns nothing is written through the descriptor any more, so it may be closed. */
  stop(): void;
}

/**
 * Writes the time at `offset` of `fd` every `intervalMs` milliseconds.
 * @throws RangeError when this process holds 256 locks already.
 */
export function startHeartbeat(fd: number, offset: number, intervalMs: number): Heartbeat {
  const words = sharedTable();
  const at = freeSlot(words);
  words.set([fd, offset, intervalMs, words[at + 4]! + 1], at + 1);
  Atomics.store(words, at, BEATING);
  Atomics.add(words, 0, 1);
  Atomics.notify(words, 0);
  return {
    stop(): void {
      while (Atomics.compareExchange(words, at, BEATING, FREE) === WRITING) Atomics.wait(words, at, WRITING, 100);
    },
  };
}

function freeSlot(words: Int32Array): number {
  for (let at = HEADER_WORDS; at < words.length; at += SLOT_WORDS) if (words[at] === FREE) return at;
  throw new RangeError(`this process holds ${SLOTS} locks already`);
}
