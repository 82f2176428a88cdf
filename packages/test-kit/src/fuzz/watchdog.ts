import { Worker } from 'node:worker_threads';
import { MAX_INPUT } from './mutate.ts';

/** Runs on a thread of its own, so that it goes on when the parser does not come back. */
const SCRIPT = `
const { workerData } = require('node:worker_threads');
const fs = require('node:fs');
const path = require('node:path');
const { createHash } = require('node:crypto');
const state = new Int32Array(workerData.shared, 0, 2);
let seen = 0, since = Date.now();
setInterval(() => {
  const count = Atomics.load(state, 0);
  if (count !== seen || count % 2 === 0) { seen = count; since = Date.now(); return; }
  if (Date.now() - since < workerData.ms) return;
  const bytes = Buffer.from(new Uint8Array(workerData.shared, 8, Atomics.load(state, 1)));
  const name = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  fs.mkdirSync(workerData.dir, { recursive: true });
  fs.writeFileSync(path.join(workerData.dir, name), bytes);
  fs.writeSync(2, 'fuzz: the parser does not come back: ' + path.join(workerData.dir, name) + '\\n');
  process.kill(process.pid, 'SIGKILL');
}, 200);
`;

/** Ends the process where one input takes longer than `ms`, after it wrote the input to `dir`. */
export class Watchdog {
  readonly #worker: Worker;
  readonly #state: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(dir: string, ms: number) {
    const shared = new SharedArrayBuffer(8 + 2 * MAX_INPUT);
    this.#state = new Int32Array(shared, 0, 2);
    this.#bytes = new Uint8Array(shared, 8);
    this.#worker = new Worker(SCRIPT, { eval: true, workerData: { shared, dir, ms } });
    this.#worker.unref();
  }

  async watch(input: Uint8Array, work: () => Promise<void> | void): Promise<void> {
    this.#bytes.set(input.subarray(0, this.#bytes.length));
    Atomics.store(this.#state, 1, Math.min(input.length, this.#bytes.length));
    Atomics.add(this.#state, 0, 1);
    try {
      await work();
    } finally {
      Atomics.add(this.#state, 0, 1);
    }
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
