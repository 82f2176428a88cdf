import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { isRoot, NOBODY, Repo, temporaryDirectory } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { BIN, devs, json, start } from './devs.ts';

/** Every file below `dir` with its bytes: what a refused command must not change. */
function everything(dir: string): string[] {
  const names = fs.readdirSync(dir, { recursive: true, withFileTypes: true });
  return (
    names
      // The lock that decides lies in a directory of devs's own, which is there once anything was locked.
      .filter(({ name, parentPath }) => name !== 'devs' || !parentPath.endsWith('.git'))
      .map((entry) => path.join(entry.parentPath, entry.name))
      .map((file) => (fs.lstatSync(file).isFile() ? `${file} ${fs.readFileSync(file, 'base64')}` : file))
      .sort()
  );
}

interface Case {
  readonly what: string;
  readonly make?: (repo: Repo) => void;
  readonly args: readonly string[];
  readonly exit: number;
  readonly code: string;
  readonly says?: string;
}

const CASES: readonly Case[] = [
  { what: 'unknown task', args: ['run', 'fmt'], exit: 2, code: 'DEVS_TASK_UNKNOWN', says: 'fmt' },
  { what: 'no command', args: ['run'], exit: 2, code: 'DEVS_USAGE' },
  { what: 'empty command', args: ['run', '--'], exit: 2, code: 'DEVS_USAGE' },
  { what: 'command that is an empty word', args: ['run', '--', ''], exit: 2, code: 'DEVS_USAGE' },
  { what: 'task and command', args: ['run', 'fmt', '--', 'true'], exit: 2, code: 'DEVS_USAGE' },
  {
    what: 'command not found',
    args: ['run', '--', 'no-such-command'],
    exit: 127,
    code: 'DEVS_COMMAND_NOT_FOUND',
    says: 'no-such-command',
  },
  { what: 'path not found', args: ['run', '--', './no/such'], exit: 127, code: 'DEVS_COMMAND_NOT_FOUND' },
  {
    what: 'not executable',
    args: ['run', '--', './a.txt'],
    exit: 126,
    code: 'DEVS_COMMAND_NOT_EXECUTABLE',
    says: 'a.txt',
  },
  { what: 'a directory', args: ['run', '--', './dir'], exit: 126, code: 'DEVS_COMMAND_NOT_EXECUTABLE' },
  {
    what: 'task id with a slash',
    args: ['run', '--id', 'a/b', '--', 'true'],
    exit: 2,
    code: 'DEVS_TASK_ID',
    says: 'a/b',
  },
  { what: 'task id with ..', args: ['run', '--id', 'a..b', '--', 'true'], exit: 2, code: 'DEVS_TASK_ID' },
  { what: 'task id ending in .lock', args: ['run', '--id', 'a.lock', '--', 'true'], exit: 2, code: 'DEVS_TASK_ID' },
  { what: 'task id too long', args: ['run', '--id', 'a'.repeat(101), '--', 'true'], exit: 2, code: 'DEVS_TASK_ID' },
  { what: 'duration', args: ['run', '--timeout', 'soon', '--', 'true'], exit: 2, code: 'DEVS_DURATION' },
  { what: 'unknown run', args: ['restore', 'nothing'], exit: 2, code: 'DEVS_RUN_UNKNOWN' },
  {
    what: 'devs.json that is not JSON',
    make: (repo) => repo.write('devs.json', '{\n  "tasks": {\n    "fmt": oops\n  }\n}\n'),
    args: ['run', 'fmt'],
    exit: 2,
    code: 'DEVS_CONFIG_INVALID',
    says: 'devs.json:3:12',
  },
  {
    what: 'devs.json with an unknown setting',
    make: (repo) => repo.write('devs.json', '{"tasks": {"fmt": {"run": "true",\n "onFail": "restore"}}}'),
    args: ['run', 'fmt'],
    exit: 2,
    code: 'DEVS_CONFIG_INVALID',
    says: 'devs.json:2:2: unknown setting "onFail"',
  },
  {
    what: "a directory at the lock's path",
    make: (repo) => fs.mkdirSync(repo.path('.devs-state.lock')),
    args: ['run', '--', 'true'],
    exit: 125,
    code: 'DEVS_LOCK_NOT_A_LOCK',
  },
  {
    what: 'SHA-256 repository',
    make: (repo) => {
      fs.rmSync(repo.path('.git'), { recursive: true });
      repo.git('init', '-q', '--object-format=sha256');
    },
    args: ['run', '--', 'true'],
    exit: 125,
    code: 'DEVS_SHA256_REPOSITORY',
  },
  {
    what: 'reftable repository',
    make: (repo) => {
      repo.git('config', 'core.repositoryFormatVersion', '1');
      fs.appendFileSync(repo.path('.git/config'), '[extensions]\n\trefStorage = reftable\n');
    },
    args: ['run', '--', 'true'],
    exit: 125,
    code: 'DEVS_REFTABLE_REPOSITORY',
  },
  {
    what: 'bare repository',
    make: (repo) => {
      for (const name of fs.readdirSync(repo.dir)) fs.rmSync(repo.path(name), { recursive: true });
      repo.git('clone', '-q', '--bare', Repo.withWork().dir, '.');
    },
    args: ['run', '--', 'true'],
    exit: 125,
    code: 'DEVS_BARE_REPOSITORY',
  },
];

describe('bad input is a coded error, changes nothing on disk, and runs nothing', () => {
  test.each(CASES)('$what', async ({ make, args, exit, code, says }) => {
    const repo = Repo.withWork();
    make?.(repo);
    const before = everything(repo.dir);
    const ended = await devs(repo.dir, ...args);
    expect(ended.code).toBe(exit);
    expect(ended.stderr).toContain(`[${code}]`);
    if (says !== undefined) expect(ended.stderr).toContain(says);
    expect(everything(repo.dir)).toEqual(before);
    const { stderr } = await devs(repo.dir, '--json', ...args);
    const error = json<{ hint?: string }>(stderr);
    expect(error).toMatchObject({ schema: 1, code, message: expect.any(String), data: expect.any(Object) });
    if (error.hint === undefined) return;
    // The way out that it names works.
    const script = `devs() { "${process.execPath}" "${BIN}" "$@"; }; ${error.hint}`;
    const { status } = spawnSync('sh', ['-c', script], { cwd: repo.dir, stdio: 'ignore' });
    expect([0, 1]).toContain(status);
  });

  test('not a repository', async () => {
    const dir = temporaryDirectory();
    expect(await devs(dir, 'run', '--', 'true')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('DEVS_NOT_A_REPOSITORY'),
    });
    expect(await devs('/', '-C', path.join(dir, 'none'), 'status')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining(dir),
    });
    expect(fs.readdirSync(dir)).toEqual([]);
  });

  test.each([['run', '--no-such-flag'], ['no-such-command'], ['run', '--on-failure', 'explode', '--', 'true']])(
    'wrong usage: %s %s',
    async (...args) => {
      expect((await devs(Repo.create().dir, ...args)).code).toBe(2);
    },
  );

  test.runIf(isRoot())('read-only project root', async () => {
    const repo = Repo.withWork();
    fs.chmodSync(repo.dir, 0o755);
    const before = everything(repo.dir);
    const env = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: repo.dir };
    const { ended } = start(repo.dir, ['run', '--', 'true'], { uid: NOBODY, gid: NOBODY, env });
    expect(await ended).toMatchObject({ code: 125, stderr: expect.stringContaining('DEVS_NOT_PERMITTED') });
    expect(everything(repo.dir)).toEqual(before);
  });

  test.runIf(isRoot())('a file that cannot be read: no snapshot, and the command does not run', async () => {
    const repo = Repo.withWork();
    repo.write('unreadable.txt', 'secret');
    const chown = (dir: string): void => {
      fs.lchownSync(dir, NOBODY, NOBODY);
      if (!fs.lstatSync(dir).isDirectory()) return;
      for (const name of fs.readdirSync(dir)) chown(path.join(dir, name));
    };
    chown(repo.dir);
    fs.chownSync(repo.path('unreadable.txt'), 0, 0);
    fs.chmodSync(repo.path('unreadable.txt'), 0o600);
    const { ended } = start(repo.dir, ['run', '--', 'touch', 'ran'], { uid: NOBODY, gid: NOBODY });
    expect(await ended).toMatchObject({ code: 125, stderr: expect.stringContaining('unreadable.txt') });
    expect(repo.exists('ran')).toBe(false);
    expect(repo.exists('.devs-state.lock')).toBe(false);
  });
});
