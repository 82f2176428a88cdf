// The fuzzing itself is on trial here: a parser with a fault is found out, and the input is kept.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type FuzzTarget, fuzz, fuzzTimeout, mutate, Random, temporaryDirectory } from '@devs/test-kit';
import { expect, test } from 'vitest';

const SEED = Buffer.from('size 12 name abc\n');

function target(run: (input: Buffer) => void): FuzzTarget {
  return { name: 'faulty', seeds: () => [SEED], run, refuses: (error) => error instanceof RangeError };
}

function saved(dir: string): Buffer[] {
  const seeds = path.join(dir, 'seeds/faulty');
  return fs.readdirSync(seeds).map((name) => fs.readFileSync(path.join(seeds, name)));
}

test(
  'an error that is not a refusal is a finding, saved, and replayed first from then on',
  async () => {
    const dir = temporaryDirectory();
    const faulty = target((input) => {
      if (input.includes('-1')) throw new TypeError('no code');
      throw new RangeError('refused');
    });
    await expect(fuzz(faulty, dir)).rejects.toThrow(/no code/);
    expect(saved(dir)).toHaveLength(1);
    expect(saved(dir)[0]!.includes('-1')).toBe(true);
    await expect(fuzz(faulty, dir)).rejects.toThrow(/input 1, /);
  },
  fuzzTimeout(),
);

test(
  'an input that takes two seconds, or 300 MiB, is a finding',
  async () => {
    const slow = target((input) => {
      const end = performance.now() + (input.equals(SEED) ? 0 : 1_200);
      while (performance.now() < end);
    });
    await expect(fuzz(slow, temporaryDirectory())).rejects.toThrow(/more than 1000 ms/);
    const held: Buffer[] = [];
    const large = target((input) => {
      held.length = 0;
      if (!input.equals(SEED)) held.push(Buffer.alloc(300 << 20, 1));
    });
    await expect(fuzz(large, temporaryDirectory())).rejects.toThrow(/more than 268435456 bytes/);
  },
  fuzzTimeout(),
);

test('a parser that does not come back ends the process, and its input is saved', () => {
  const dir = temporaryDirectory();
  const watchdog = path.join(import.meta.dirname, '../../../test-kit/src/fuzz/watchdog.ts');
  const script = /const SCRIPT = `([\s\S]*?)`;/.exec(fs.readFileSync(watchdog, 'utf8'))![1]!.replaceAll('\\\\n', '\\n');
  const child = `
    const { Worker } = require('node:worker_threads');
    const shared = new SharedArrayBuffer(64);
    const state = new Int32Array(shared, 0, 2);
    new Uint8Array(shared, 8).set(Buffer.from('endless'));
    Atomics.store(state, 1, 7);
    new Worker(${JSON.stringify(script)}, { eval: true, workerData: { shared, dir: ${JSON.stringify(dir)}, ms: 300 } })
      .on('online', () => { Atomics.add(state, 0, 1); for (;;); });
  `;
  const { signal, stderr } = spawnSync(process.execPath, ['-e', child], { encoding: 'utf8', timeout: 30_000 });
  expect({ signal, stderr }).toEqual({ signal: 'SIGKILL', stderr: expect.stringContaining('does not come back') });
  expect(fs.readdirSync(dir).map((name) => fs.readFileSync(path.join(dir, name), 'utf8'))).toEqual(['endless']);
});

test('the same seed makes the same inputs', () => {
  const inputs = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 50 }, () => mutate(SEED, { random, corpus: [SEED], tokens: ['x'] }).toString('hex'));
  };
  expect(inputs(5)).toEqual(inputs(5));
  expect(inputs(5)).not.toEqual(inputs(6));
  expect(new Set(inputs(5)).size).toBeGreaterThan(40);
});
