import { Repo } from '@devs/test-kit';
import { beforeEach, describe, expect, test } from 'vitest';
import { devs } from './devs.ts';

let repo: Repo;

beforeEach(async () => {
  repo = Repo.create();
  for (const name of ['a.txt', 'b.txt', '--stat', 'dir/c.txt', 'doomed/d.txt']) repo.write(name, 'before\n');
  repo.commitAll('base');
  const change =
    'for f in a.txt b.txt ./--stat dir/c.txt; do echo after > "$f"; done; rm -r doomed; echo n > new.txt; exit 3';
  await devs(repo.dir, 'run', '--id', 'bad', '--', 'sh', '-c', change);
});

const names = async (...words: string[]) =>
  (await devs(repo.dir, 'diff', 'bad', '--name-only', ...words)).stdout.split('\n').slice(0, -1);

test('diff shows the paths after -- alone', async () => {
  expect(await names('--', 'a.txt')).toEqual(['a.txt']);
  expect(await names('a.txt', '--', 'dir')).toEqual(['a.txt', 'dir/c.txt']);
  expect(await names('--', '--stat')).toEqual(['--stat']);
  expect(await names('--')).toHaveLength(6);
});

test('restore restores the paths after -- alone', async () => {
  expect((await devs(repo.dir, 'restore', '@', '--', 'a.txt', '--stat')).code).toBe(0);
  expect(['a.txt', '--stat', 'b.txt', 'dir/c.txt'].map((name) => repo.read(name).trim())).toEqual([
    'before',
    'before',
    'after',
    'after',
  ]);
  expect(repo.exists('new.txt')).toBe(true);
});

describe('a path that no state knows', () => {
  test.each([
    ['diff', ['--', 'typo.txt']],
    ['diff', ['a.txt', 'typo.txt']],
    ['diff', ['--name-only', '--', 'a.txt/below']],
    ['restore', ['--', 'typo.txt']],
    ['restore', ['typo.txt']],
    ['restore', ['--dry-run', '--', 'dir/typo.txt']],
    ['restore', ['--force', '--', 'a.txt', 'x'.repeat(5_000)]],
  ])('is an error of devs %s %j, which changes nothing', async (command, words) => {
    const ended = await devs(repo.dir, command, 'bad', ...words);
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('[DEVS_PATH_UNKNOWN]') });
    expect(repo.read('a.txt')).toBe('after\n');
  });

  test.each(['doomed', 'doomed/d.txt', 'new.txt', 'a.txt', 'dir', 'dir/', './dir', '.'])(
    'is not %s, which one of them knows',
    async (path) => {
      expect((await devs(repo.dir, 'restore', 'bad', '--dry-run', '--', path)).code).toBe(0);
      expect((await devs(repo.dir, 'diff', 'bad', '--', path)).code).toBe(1);
    },
  );
});

test.each([['status'], ['log'], ['show', 'bad'], ['undo'], ['drop', 'bad'], ['gc'], ['doctor'], ['init'], ['recover']])(
  'devs %s takes nothing after --',
  async (...words) => {
    const ended = await devs(repo.dir, ...words, '--', 'a.txt');
    expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('takes nothing after --') });
    expect((await devs(repo.dir, 'diff', 'bad', '--name-only')).stdout).toContain('a.txt');
  },
);

test.each(['abc', '0', '-1', '1.5', '1e3', '', '99999999999999999999'])(
  'devs log -n %s is wrong usage',
  async (count) => {
    expect(await devs(repo.dir, 'log', `-n${count}`.replace(/^-n$/, '-n=')).then(({ code }) => code)).toBe(2);
  },
);
