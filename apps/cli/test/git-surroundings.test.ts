import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fingerprint, isRoot, NOBODY, Repo, temporaryDirectory } from '@devs/test-kit';
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
    ['GIT_INDEX_FILE', () => ({ GIT_INDEX_FILE: Repo.create().path('.git/index') })],
  ])('%s set', async (_, environment) => {
    expect((await start(repo.dir, BAD, { env: environment() }).ended).code).toBe(3);
    expect(fingerprint(repo)).toEqual(before);
  });

  test('GIT_WORK_TREE of another directory: the command does not run, because nothing would protect what is here', async () => {
    const other = Repo.create().dir;
    const { code, stderr } = await start(repo.dir, BAD, { env: { GIT_WORK_TREE: other } }).ended;
    expect(code).toBe(125);
    expect(stderr).toContain('is outside of the work tree');
    expect(stderr).toContain(`cd ${other}`);
    expect(fingerprint(repo)).toEqual(before);
  });

  test('GIT_DIR and GIT_WORK_TREE: the tree that git would see is the one that is protected', async () => {
    const elsewhere = temporaryDirectory();
    fs.renameSync(repo.path('.git'), path.join(elsewhere, 'g'));
    fs.mkdirSync(path.join(elsewhere, 'sub'));
    const env = { GIT_DIR: path.join(elsewhere, 'g'), GIT_WORK_TREE: repo.dir };
    const { code } = await start(
      repo.path('dir'),
      ['run', '--on-failure', 'restore', '--', 'sh', '-c', 'rm -rf ../a.txt c.txt; exit 3'],
      { env },
    ).ended;
    expect(code).toBe(3);
    fs.renameSync(path.join(elsewhere, 'g'), repo.path('.git'));
    expect(fingerprint(repo)).toEqual(before);
  });

  test('core.worktree: the tree that git would see is the one that is protected', async () => {
    repo.git('config', 'core.worktree', '../sub');
    fs.mkdirSync(repo.path('sub'));
    repo.write('sub/x.txt', 'exists nowhere else');
    const { code } = await start(
      repo.path('sub'),
      ['run', '--on-failure', 'restore', '--', 'sh', '-c', 'rm x.txt; exit 3'],
      {},
    ).ended;
    expect(code).toBe(3);
    expect(repo.read('sub/x.txt')).toBe('exists nowhere else');
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

test('a working directory that is gone: said, with a way out', async () => {
  const script = `mkdir gone && cd gone && rmdir ../gone && "$0" "$1" status`;
  const { status, stderr } = spawnSync('sh', ['-c', script, process.execPath, BIN], {
    cwd: repo.dir,
    encoding: 'utf8',
  });
  expect(status).toBe(125);
  expect(stderr).toContain('does not exist');
  expect(stderr).toContain(`cd ${repo.dir}`);
  expect(stderr).not.toMatch(/^\s+at /m);
});

test.skipIf(!isRoot())('a repository of another user: nothing of it is read or run', async () => {
  fs.lchownSync(repo.path('.git'), NOBODY, NOBODY);
  for (const command of [['status'], ['log'], ['diff', '@'], ['doctor'], ['run', '--', 'true'], ['undo'], ['init']]) {
    const { code, stderr } = await devs(repo.dir, ...command);
    expect(code).toBe(125);
    expect(stderr).toContain('belongs to user');
    expect(stderr).toContain(`git config --global --add safe.directory ${repo.dir}`);
  }
  const allowed = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: repo.dir };
  expect((await start(repo.dir, ['run', '--', 'true'], { env: allowed }).ended).code).toBe(0);
});
