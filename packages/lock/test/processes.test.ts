import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { temporaryDirectory } from '@devs/test-kit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ownIdentity, StateLock } from '../src/index.ts';
import { Contender } from './contender.ts';

const PROCESSES = 8;
/** `DEVS_TEST_ROUNDS=3000` for a long run. */
const ROUNDS = Number(process.env.DEVS_TEST_ROUNDS ?? 300);
const ACQUISITIONS = 4_000;

let dir: string;
let contenders: Contender[];
const lockFile = () => path.join(dir, '.devs-state.lock');
const read = (name: string) => fs.readFileSync(path.join(dir, name), 'utf8');

beforeEach(() => {
  dir = temporaryDirectory();
  contenders = [];
});
afterEach(async () => {
  for (const contender of contenders) contender.kill();
  await Promise.all(contenders.map(({ exited }) => exited));
});

async function start(count: number, wrapper?: readonly string[]): Promise<Contender[]> {
  const started = await Promise.all(Array.from({ length: count }, () => Contender.start(dir, wrapper)));
  contenders.push(...started);
  return started;
}

/** A lock whose holder is dead: the pid is this process's, its start time is not. */
const plantDeadLock = (round: number) =>
  fs.writeFileSync(
    lockFile(),
    JSON.stringify({
      ...ownIdentity(),
      process_started_at: '1',
      timestamp: new Date().toISOString(),
      task_id: 'dead',
      id: `dead${round}`,
    }),
  );

test(`eight processes meet one stale lock, ${ROUNDS} rounds: never two holders, never none`, {
  timeout: 600_000,
}, async () => {
  const eight = await start(PROCESSES);
  for (let round = 0; round < ROUNDS; round++) {
    plantDeadLock(round);
    const answers = await Promise.all(eight.map((contender) => contender.ask('acquire')));
    expect(answers.filter((answer) => answer === 'conflict')).toHaveLength(PROCESSES - 1);
    const holder = eight[answers.indexOf('held')]!;
    expect(JSON.parse(fs.readFileSync(lockFile(), 'utf8')).pid).toBe(holder.child.pid);
    await holder.ask('release');
    expect(fs.readdirSync(dir)).toEqual([]);
  }
});

describe(`${ACQUISITIONS} acquisitions by eight processes`, () => {
  test('lose no update, meet nobody inside, and everyone is served', { timeout: 600_000 }, async () => {
    fs.writeFileSync(path.join(dir, 'counter'), '0');
    const eight = await start(PROCESSES);
    const answers = await Promise.all(eight.map((contender) => contender.ask('count', ACQUISITIONS / PROCESSES)));
    expect(answers).toEqual(eight.map(() => 'counted'));
    expect(Number(read('counter'))).toBe(ACQUISITIONS);
    expect(fs.readdirSync(dir)).toEqual(['counter']);
  });

  test('the same while holders are stopped, woken and killed at random', { timeout: 600_000 }, async () => {
    fs.writeFileSync(path.join(dir, 'counter'), '0');
    const KILLS = 20;
    const all = await start(PROCESSES);
    const rounds = all.map((contender) => contender.ask('count'));
    for (let kill = 0; kill < KILLS; kill++) {
      const victim = all[kill % PROCESSES]!;
      await victim.nextCount();
      if (kill % 4 === 0) {
        victim.kill('SIGSTOP');
        // Stopped inside, it holds up everyone; stopped outside, nobody.
        const others = all.filter((other) => other !== victim).map((other) => other.nextCount());
        await Promise.race([...others, new Promise((resolve) => setTimeout(resolve, 200))]);
        victim.kill('SIGCONT');
        continue;
      }
      victim.kill();
      await victim.exited;
      const [next] = await start(1);
      all[kill % PROCESSES] = next!;
      rounds[kill % PROCESSES] = next!.ask('count');
    }
    for (const contender of all) contender.finish();
    expect(await Promise.all(rounds)).toEqual(all.map(() => 'counted'));
    const counted = contenders.reduce((sum, contender) => sum + contender.counted, 0);
    // A killed process may have counted without having said so.
    expect(Number(read('counter'))).toBeGreaterThanOrEqual(counted);
    expect(Number(read('counter'))).toBeLessThanOrEqual(counted + KILLS);
    expect(fs.readdirSync(dir).filter((name) => !/\.tmp\.|counter\.new/.test(name))).toEqual(['counter']);
  });
});

test('eight waiters are all served, each once, soon after each other', async () => {
  const first = await StateLock.acquire(dir, 'first');
  const eight = await start(PROCESSES);
  const waiting = eight.map(async (contender) => {
    expect(await contender.ask('acquire', { wait: 60_000 })).toBe('held');
    await contender.ask('release');
    return performance.now();
  });
  await first.release();
  const started = performance.now();
  const served = await Promise.all(waiting);
  // One turn costs a waiter 300 ms at most; the rest is room for a loaded machine.
  expect(Math.max(...served) - started).toBeLessThan(20_000);
});

test('a stopped holder keeps the lock, however long it is stopped, and goes on when it is woken', async () => {
  const [holder, other] = await start(2);
  expect(await holder!.ask('acquire', { heartbeatMs: 10 })).toBe('held');
  holder!.kill('SIGSTOP');
  // maxAgeMs 0: silent at once.
  expect(await other!.ask('acquire', { maxAgeMs: 0, wait: 500 })).toBe('conflict');
  expect(await StateLock.inspect(dir)).toMatchObject({ state: 'held', evidence: expect.stringContaining('stopped') });
  holder!.kill('SIGCONT');
  expect(await holder!.ask('isLost')).toBe(false);
  expect(await holder!.ask('release')).toBe('released');
});

const UNSHARE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
const canUnshare = process.platform === 'linux' && spawnSync(UNSHARE[0]!, [...UNSHARE.slice(1), 'true']).status === 0;

describe.runIf(canUnshare)('two pid namespaces on one directory', () => {
  test('a living holder is never taken over while its heartbeat moves, blocked event loop or not', async () => {
    const [inside] = await start(1, UNSHARE);
    expect(await inside!.ask('acquire', { heartbeatMs: 20 })).toBe('held');
    expect(await StateLock.inspect(dir)).toMatchObject({ state: 'unknown' });
    const blocked = inside!.ask('block', 2_000);
    const [other] = await start(1);
    expect(await other!.ask('acquire', { maxAgeMs: 300, wait: 1_200 })).toBe('conflict');
    expect(await blocked).toBe('awake');
    expect(await inside!.ask('isLost')).toBe(false);
    await inside!.ask('release');
  });

  test('a killed one is taken over after maxAgeMs of silence, and one from inside never kills one outside', async () => {
    const [inside] = await start(1, UNSHARE);
    expect(await inside!.ask('acquire', { heartbeatMs: 20 })).toBe('held');
    inside!.kill();
    await inside!.exited;
    await using held = await StateLock.acquire(dir, 'next', { maxAgeMs: 300, wait: 30_000 });
    const [again] = await start(1, UNSHARE);
    expect(await again!.ask('acquire', { maxAgeMs: 60_000 })).toBe('conflict');
    held.assertHeld();
  });
});
