// The files of a repository that the command line reads, and the words that a user types. How to add a
// target: see fuzz.ts of the test kit.
import fs from 'node:fs';
import path from 'node:path';
import { type FuzzTarget, fuzz, fuzzTimeout, temporaryDirectory } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { CliError } from '../../src/base/errors.ts';
import { parseDuration } from '../../src/base/units.ts';
import { mayRecordCommand } from '../../src/config/record-command.ts';
import { findTask, isTypeable, taskNames } from '../../src/config/tasks-file.ts';

const isCoded = (error: unknown) => error instanceof CliError;
const dir = temporaryDirectory();

/** Reads the tasks of a file with this name, and each of them. */
function tasksTarget(file: string, parts: Pick<FuzzTarget, 'name' | 'seeds' | 'tokens'>): FuzzTarget {
  return {
    ...parts,
    refuses: isCoded,
    run: async (input) => {
      for (const name of ['devs.json', 'package.json']) fs.rmSync(path.join(dir, name), { force: true });
      fs.writeFileSync(path.join(dir, file), input);
      expect(typeof (await mayRecordCommand(dir))).toBe('boolean');
      // Each is a parse of its own.
      for (const name of taskNames(dir, dir).slice(0, 10)) {
        expect(typeof isTypeable(name)).toBe('boolean');
        const task = findTask(name, dir, dir);
        expect(typeof task.run === 'string' && !task.run.includes('\0')).toBe(true);
        expect(path.isAbsolute(task.cwd)).toBe(true);
        if (task.timeout !== undefined) expect(Number.isFinite(task.timeout) && task.timeout >= 0).toBe(true);
        expect(Object.getPrototypeOf(task)).toBe(Object.prototype);
      }
    },
  };
}

const JSON_TOKENS = [
  '"__proto__"',
  '{',
  '}',
  '[',
  ']',
  '//',
  '/*',
  '*/',
  ',',
  'null',
  '1e999',
  '"\\u0000"',
  '\ufeff',
  '\xff',
];

const TARGETS: readonly FuzzTarget[] = [
  tasksTarget('devs.json', {
    name: 'devs-json',
    seeds: () => [
      Buffer.from(
        '// comment\n{"recordCommand": false, "orphans": "warn", "tasks": {"fmt": "pnpm format", "up": {"run": "x", "onFailure": "restore", "timeout": "10m", "cwd": "dir", "includeIgnored": ["*.log"]}},}',
      ),
    ],
    tokens: [...JSON_TOKENS, '"run"', '"timeout"', '"9d"', '"cwd"', '"tasks"'],
  }),
  tasksTarget('package.json', {
    name: 'package-json',
    seeds: () => [Buffer.from('{"name": "x", "scripts": {"build": "tsc -b", "test": "vitest", "a b": "echo"}}')],
    tokens: [...JSON_TOKENS, '"scripts"', '"-x"', '"constructor"'],
  }),
  {
    name: 'duration',
    seeds: () => ['500ms', '30s', '10m', '2.5h', '14d', '7'].map((text) => Buffer.from(text)),
    tokens: ['.', 'ms', '-', '+', ' ', '9'.repeat(320), '1e5', '0x1', '\u0661'],
    refuses: isCoded,
    run: (input) => {
      const ms = parseDuration(input.toString('utf8'));
      expect(Number.isFinite(ms) && ms >= 0).toBe(true);
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
