// Tasks that damage what a restore needs: `--on-failure restore` does what it promises all the same, and
// without it a later `devs restore` does.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fingerprint, isRoot, NOBODY, Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { devs, start } from './devs.ts';

const RUDE: Readonly<Record<string, string>> = {
  'all refs of devs deleted': 'rm -rf .git/refs/devs',
  'a file where .git/info should be': 'rm -rf .git/info; echo x > .git/info',
  'a file where .git/logs should be': 'rm -rf .git/logs; echo x > .git/logs',
  'the refs packed, then deleted':
    'git pack-refs --all; sed -i.bak "/refs.devs/d" .git/packed-refs; rm .git/packed-refs.bak',
  'the run’s own ref moved to another commit':
    'git for-each-ref --format="%(refname)" refs/devs | xargs -n1 -I{} git update-ref {} HEAD',
  'every commit rewritten':
    'git add -A; git commit -qm all; git filter-branch -f --msg-filter "sed s/^/x/" -- --all >/dev/null 2>&1',
  'garbage in the index': 'echo garbage > .git/index',
  'garbage in HEAD': 'echo garbage > .git/HEAD',
  'no HEAD': 'rm .git/HEAD',
  'garbage in the branch': 'echo garbage > .git/refs/heads/main',
  'a branch that became a folder': 'git branch -m main x; git branch -m x main/one',
  'the branch packed and renamed':
    'git pack-refs --all; git branch -m main x; git branch -m x main/one; git pack-refs --all',
  'nothing to read or write': 'chmod 000 a.txt dir secret.txt',
  'directories that may not be written': 'chmod 555 dir .',
  'a repository inside, without commits': 'git init -q dir',
  'an empty .git inside': 'mkdir notes; touch notes/.git',
  'a pipe over a tracked file': 'rm a.txt; mkfifo a.txt',
};

test.each(Object.entries(RUDE))('--on-failure restore: %s', async (_, task) => {
  const repo = Repo.withWork();
  const before = fingerprint(repo);
  const { code, stderr } = await devs(
    repo.dir,
    'run',
    '--on-failure',
    'restore',
    '--',
    'sh',
    '-c',
    `${task}; echo x > made.txt; rm -f b.txt; exit 7`,
  );
  expect(stderr).not.toMatch(/internal error|\n {4}at /);
  expect([code, fingerprint(repo)]).toEqual([7, before]);
  expect(repo.git('fsck', '--no-dangling')).toBe('');
  expect((await devs(repo.dir, 'run', '--', 'true')).code).toBe(0);
});

test.each(Object.entries(RUDE))('devs restore later, with --force where it refuses: %s', async (_, task) => {
  const repo = Repo.withWork();
  const before = fingerprint(repo);
  await devs(repo.dir, 'run', '--id', 'rude', '--', 'sh', '-c', `${task}; echo x > made.txt; exit 7`);
  const first = await devs(repo.dir, 'restore', 'rude');
  const last = first.code === 0 ? first : await devs(repo.dir, 'restore', 'rude', '--force');
  expect(`${first.stderr}${last.stderr}`).not.toMatch(/internal error|\n {4}at /);
  expect(last.stderr).toContain('restored');
  expect(fingerprint(repo)).toEqual(before);
  expect(repo.git('fsck', '--no-dangling')).toBe('');
});

test.each([
  ['garbage in HEAD', 'echo garbage > .git/HEAD'],
  ['garbage in the branch', 'echo garbage > .git/refs/heads/main'],
  ['no work tree any more', 'git config core.bare true'],
])('a success that leaves %s keeps its exit code and its snapshot', async (_, task) => {
  const repo = Repo.withWork();
  const before = fingerprint(repo);
  const { code, stderr } = await devs(repo.dir, 'run', '--id', 'rude', '--', 'sh', '-c', `${task}; rm a.txt`);
  expect([code, stderr]).toEqual([0, expect.stringContaining('the snapshot is kept')]);
  if (task.includes('config')) repo.git('config', 'core.bare', 'false');
  const { code: restored } = await devs(repo.dir, 'restore', 'rude', '--force');
  expect([restored, fingerprint(repo)]).toEqual([0, before]);
});

test('refs that may not be written: the command succeeded, and the snapshot goes later', async () => {
  if (!isRoot()) return;
  const repo = Repo.withWork();
  execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, repo.dir]);
  fs.chmodSync(path.dirname(repo.dir), 0o755);
  const asNobody = (...args: string[]) => start(repo.dir, args, { uid: NOBODY, gid: NOBODY }).ended;
  const { code, stderr } = await asNobody('run', '--', 'chmod', '-R', 'a-w', '.git/refs');
  expect([code, stderr]).toEqual([0, expect.stringContaining('could not be removed')]);
  execFileSync('chmod', ['-R', 'u+w', repo.path('.git/refs')]);
  expect((await asNobody('run', '--', 'true')).code).toBe(0);
  expect(fs.readdirSync(repo.path('.git/refs/devs/snapshots'))).toEqual([]);
});

test('garbage in the index: the run can be looked at, and is not said to have been killed', async () => {
  const repo = Repo.withWork();
  await devs(repo.dir, 'run', '--id', 'rude', '--', 'sh', '-c', 'echo garbage > .git/index; echo x > made.txt; exit 7');
  const diff = await devs(repo.dir, 'diff', 'rude', '--name-status');
  expect([diff.code, diff.stdout]).toEqual([1, 'A\tmade.txt\n']);
  const { stderr } = await devs(repo.dir, 'restore', 'rude', '--force');
  expect(stderr).toContain('left what no snapshot could be taken of');
});

test('a root that may not be written: the exit code is the task’s, and the restore makes it writable again', async () => {
  if (!isRoot()) return;
  const repo = Repo.withWork();
  execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, repo.dir]);
  fs.chmodSync(path.dirname(repo.dir), 0o755);
  const asNobody = (...args: string[]) => start(repo.dir, args, { uid: NOBODY, gid: NOBODY }).ended;
  const before = fs.statSync(repo.dir).mode;
  const { code, stderr } = await asNobody('run', '--id', 'rude', '--', 'sh', '-c', 'chmod 555 .; exit 7');
  expect([code, stderr]).toEqual([7, expect.stringContaining('the next command takes it over')]);
  expect(stderr).toContain('devs restore');
  const status = await asNobody('status');
  expect([status.code, status.stderr]).toEqual([0, '']);
  expect(await asNobody('restore', 'rude')).toMatchObject({ code: 0 });
  expect(fs.statSync(repo.dir).mode).toBe(before);
  expect((await asNobody('run', '--', 'true')).code).toBe(0);
  expect(repo.exists('.devs-state.lock')).toBe(false);
});

test('an index that may not be read, and a killed devs: the refusal names the file', async () => {
  if (!isRoot()) return;
  const repo = Repo.withWork();
  execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, repo.dir]);
  fs.chmodSync(path.dirname(repo.dir), 0o755);
  const asNobody = (...args: string[]) => start(repo.dir, args, { uid: NOBODY, gid: NOBODY }).ended;
  await asNobody('run', '--id', 'rude', '--', 'sh', '-c', 'chmod 000 .git/index; kill -9 $PPID');
  const { code, stderr } = await asNobody('restore', 'rude');
  expect([code, stderr]).toEqual([125, expect.stringContaining('.git/index')]);
  expect(stderr).not.toMatch(/internal error|\n {4}at /);
});

test('a git directory that the task moves: the exit code is the task’s, and the restore works from there', async () => {
  const repo = Repo.withWork();
  const target = `${repo.dir}.git`;
  const task = `git init -q --separate-git-dir ${target}; rm a.txt; exit 7`;
  const { code, stderr } = await devs(repo.dir, 'run', '--id', 'rude', '--', 'sh', '-c', task);
  expect(stderr).not.toMatch(/internal error|is missing/);
  expect([code, stderr]).toEqual([7, expect.stringContaining(`and is ${target}`)]);
  expect(repo.exists('a.txt')).toBe(false);
  const restored = await devs(repo.dir, 'restore', 'rude');
  expect([restored.code, restored.stderr]).toEqual([0, expect.stringContaining('1 written')]);
  expect(repo.exists('a.txt')).toBe(true);
  fs.rmSync(target, { recursive: true });
});

test('a git directory that the task takes away: the exit code is the task’s, and devs says where its snapshot is', async () => {
  const repo = Repo.withWork();
  const before = fingerprint(repo);
  const task = `mv .git ${repo.dir}.gone; rm a.txt; exit 7`;
  const { code, stderr } = await devs(repo.dir, 'run', '--id', 'rude', '--', 'sh', '-c', task);
  expect(stderr).not.toMatch(/internal error|is missing/);
  expect([code, stderr]).toEqual([7, expect.stringContaining('usable again once it is back')]);
  fs.renameSync(`${repo.dir}.gone`, repo.path('.git'));
  const restored = await devs(repo.dir, 'restore', 'rude', '--force');
  expect([restored.code, fingerprint(repo)]).toEqual([0, before]);
});

const LATER: Readonly<Record<string, (repo: Repo) => void>> = {
  'refs of devs deleted': (repo) => fs.rmSync(repo.path('.git/refs/devs'), { recursive: true }),
  'every snapshot rewritten': (repo) => {
    for (const ref of repo.refs()) {
      repo.git('update-ref', ref, repo.git('commit-tree', '-m', 'devs-snapshot-rewritten', `${ref}^{tree}`));
    }
  },
};

test.each(Object.entries(LATER))('after the run: %s; the run is found by its commit', async (_, damage) => {
  const repo = Repo.withWork();
  const before = fingerprint(repo);
  await devs(repo.dir, 'run', '--id', 'bad', '--', 'sh', '-c', 'rm -r dir; exit 7');
  damage(repo);
  const diff = await devs(repo.dir, 'diff', 'bad', '--name-only');
  expect(diff.stdout).toBe('dir/c.txt\ndir/d.txt\n');
  const { code, stderr } = await devs(repo.dir, 'restore', 'bad');
  expect(diff.stderr + stderr).toContain('holds the snapshot of run');
  expect([code, fingerprint(repo)]).toEqual([0, before]);
});
