// The lock's record, as another program may leave it. How to add a target: see fuzz.ts of the test kit.
import fs from 'node:fs';
import path from 'node:path';
import { type FuzzTarget, fuzz, fuzzTimeout, temporaryDirectory } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { StateLock, StateLockError } from '../../src/index.ts';
import { generationOf, newRecord, parseRecord, serialize } from '../../src/record/record.ts';

const dir = temporaryDirectory();

const TARGETS: readonly FuzzTarget[] = [
  {
    name: 'lock-record',
    seeds: () => [
      Buffer.from(serialize(newRecord('task', 'a command', 1_000))),
      Buffer.from('{"pid": 1, "timestamp": "2026-11-25T00:00:00.000Z", "task_id": "t"}'),
    ],
    tokens: [
      '"pid"',
      'null',
      '-1',
      '1e999',
      '"__proto__"',
      '[]',
      '{}',
      '\0',
      '\xff',
      '"id":"../x"',
      '"heartbeat_ms":1e300',
    ],
    refuses: (error) => error instanceof StateLockError,
    run: async (input) => {
      const file = path.join(dir, '.devs-state.lock');
      fs.writeFileSync(file, input);
      const record = parseRecord(input.toString('utf8'));
      expect(generationOf(input.toString('utf8'), record)).toMatch(/^[0-9A-Za-z_-]{1,64}$/);
      const status = await StateLock.inspect(dir);
      if (status.state === 'free') throw new Error('a file lies there, and the lock is free');
      expect(Number.isNaN(status.ageMs)).toBe(false);
      expect(Number.isSafeInteger(status.lock.pid)).toBe(true);
      for (const text of [status.lock.task_id, status.lock.timestamp, status.evidence])
        expect(typeof text).toBe('string');
      expect(fs.readFileSync(file).equals(input)).toBe(true);
    },
  },
];

test.each(TARGETS.map((target) => [target.name, target] as const))(
  '%s',
  async (_, target) => {
    const report = await fuzz(target, import.meta.dirname);
    expect(report.inputs).toBeGreaterThanOrEqual(200);
    expect(report.sound).toBeGreaterThan(0);
  },
  fuzzTimeout(),
);
