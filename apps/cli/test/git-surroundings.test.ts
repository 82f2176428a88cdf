import { fingerprint, Repo } from '@devs/test-kit';
import { beforeEach, describe, expect, test } from 'vitest';
import { BIN, devs, start } from './devs.ts';

let repo: Repo;
let before: string[];

beforeEach(() => {
  repo = Repo.withWork();
  before = fingerprint(repo);
});

const BAD = ['run', '--on-failure', 'restore', '--', 'sh', '-c', 'rm -rf dir a.txt; exit 3'];

describe("git's own environment variables do not lead devs, or its restore, elsewhere", () => {
  test.each([
    ['GIT_DIR', () => ({ GIT_DIR: Repo.create().path('.git') })],
    ['GIT_WORK_TREE', () => ({ GIT_WORK_TREE: Repo.create().dir })],
    ['GIT_INDEX_FILE', () => ({ GIT_INDEX_FILE: Repo.create().path('.git/index') })],
  ])('%s set', async (_, environment) => {
    expect((await start(repo.dir, BAD, { env: environment() }).ended).code).toBe(3);
    expect(fingerprint(repo)).toEqual(before);
  });

  test('run inside a git hook', async () => {
    // Git gives a hook GIT_DIR.
    const hook = `#!/bin/sh\n"${process.execPath}" "${BIN}" ${BAD.map((word) => `'${word}'`).join(' ')}\ntrue\n`;
    repo.write('.git/hooks/post-checkout', hook, 0o755);
    repo.git('branch', 'other');
    repo.git('checkout', '-q', 'other');
    expect(repo.exists('dir/c.txt')).toBe(true);
    expect(repo.read('a.txt')).toBe('staged\nand not staged\n');
    expect((await devs(repo.dir, 'log')).stdout).toContain('failed');
  });
});

test('run from a subdirectory: all of the work tree is protected', async () => {
  expect(
    (await devs(repo.path('new dir'), 'run', '--on-failure', 'restore', '--', 'sh', '-c', 'rm -rf ../a.txt; exit 3'))
      .code,
  ).toBe(3);
  expect(fingerprint(repo)).toEqual(before);
});

test('run from a subdirectory that the command deletes', async () => {
  const ended = await devs(
    repo.path('dir'),
    'run',
    '--on-failure',
    'restore',
    '--',
    'sh',
    '-c',
    'rm -rf ../dir; exit 3',
  );
  expect(ended.code).toBe(3);
  expect(fingerprint(repo)).toEqual(before);
});
