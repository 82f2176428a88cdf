// Eight processes meet one lock whose holder died, again and again: how often do two of them hold it at once?
import { fork } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const PROCESSES = 8;
const CHILD = path.join(import.meta.dirname, 'contender.mjs');

const plant = {
  devs: (dir, round) => {
    const record = { pid: 1, timestamp: '2020-01-01T00:00:00.000Z', task_id: 'dead', id: `dead${round}` };
    fs.writeFileSync(path.join(dir, '.devs-state.lock'), JSON.stringify(record));
  },
  'proper-lockfile': (dir) => {
    fs.mkdirSync(`${dir}.lock`);
    fs.utimesSync(`${dir}.lock`, 0, 0);
  },
};

/** Of `rounds`, those in which not exactly one process got the lock. */
export async function staleRace(library, rounds) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'devs-bench-race-'));
  const children = Array.from({ length: PROCESSES }, () => fork(CHILD, [library, dir]));
  const answer = (child) => new Promise((resolve) => child.once('message', resolve));
  const ask = (child, request) => {
    const answered = answer(child);
    child.send(request);
    return answered;
  };
  await Promise.all(children.map(answer));
  const result = { library, rounds, twoHolders: 0, noHolder: 0 };
  for (let round = 0; round < rounds; round++) {
    plant[library](dir, round);
    const answers = await Promise.all(children.map((child) => ask(child, 'acquire')));
    const failure = answers.find((text) => text.startsWith('failed'));
    if (failure !== undefined) throw new Error(failure);
    const holders = children.filter((_, i) => answers[i] === 'held');
    if (holders.length > 1) result.twoHolders++;
    if (holders.length === 0) result.noHolder++;
    await Promise.all(holders.map((child) => ask(child, 'release')));
    fs.rmSync(`${dir}.lock`, { recursive: true, force: true });
  }
  for (const child of children) child.kill();
  fs.rmSync(dir, { recursive: true });
  return result;
}
