// A process that locks when it is told to, over Node's IPC. Answers `{ answer }` to every request.
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { StateLock } from '../dist/index.js';

const [dir] = process.argv.slice(2);
const marker = path.join(dir, 'occupied');
const counter = path.join(dir, 'counter');
let held;
let finishing = false;

const requests = {
  async acquire(options) {
    try {
      held = await StateLock.acquire(dir, `contender-${process.pid}`, options);
      return 'held';
    } catch (error) {
      if (error.code === 'DEVS_LOCK_HELD') return 'conflict';
      throw error;
    }
  },
  async release() {
    await held.release();
    return 'released';
  },
  async isLost() {
    return held.signal.aborted;
  },
  /** Stops this thread, event loop and all, for so long. */
  async block(ms) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    return 'awake';
  },
  /**
   * Adds one to a counter so often (null: until told to finish), each time under the lock, in the way that loses updates
   * when two do it at once.
   */
  async count(times) {
    for (let i = 0; i < (times ?? Number.POSITIVE_INFINITY) && !finishing; i++) {
      held = await StateLock.acquire(dir, 'count', { wait: Number.POSITIVE_INFINITY, heartbeatMs: 1_000 });
      occupy();
      // By rename: a kill between truncation and writing would lose the count, and no lock could help it.
      fs.writeFileSync(`${counter}.new`, String(Number(fs.readFileSync(counter, 'utf8')) + 1));
      fs.renameSync(`${counter}.new`, counter);
      process.send({ counted: process.pid });
      fs.unlinkSync(marker);
      await held.release();
    }
    return 'counted';
  },
  async finish() {
    finishing = true;
  },
};

/** A marker of a living process means two holders; that of a killed one is what its kill left. */
function occupy() {
  for (;;) {
    try {
      fs.writeFileSync(marker, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const other = Number(fs.readFileSync(marker, 'utf8'));
    if (isAlive(other)) throw new Error(`two holders: ${process.pid} and ${other}`);
    fs.unlinkSync(marker);
  }
}

function isAlive(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return false;
    throw error;
  }
}

process.on('message', async ({ request, argument }) => {
  try {
    const answer = await requests[request](argument);
    if (answer !== undefined) process.send({ answer });
  } catch (error) {
    process.send({ answer: `error: ${error.stack}` });
  }
});
process.send({ answer: 'ready' });
