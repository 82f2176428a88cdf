import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { isRoot, NOBODY, Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';

const CHILD = `
  import * as devs from ${JSON.stringify(path.join(import.meta.dirname, '../dist/index.js'))};
  const [, dir, method, argument] = process.argv;
  try {
    const answer = await devs.AtomicSnapshot[method](dir, argument);
    console.log(typeof answer === 'string' ? answer : 'done');
  } catch (error) {
    console.log(error.code?.startsWith('DEVS_') ? error.code : error.stack);
  }`;

/** As a user whom permissions bind: root may write anywhere. */
function asUser(repo: Repo, method: string, argument: string): string {
  const user = isRoot() ? { uid: NOBODY, gid: NOBODY } : {};
  const words = ['--input-type=module', '-e', CHILD, repo.dir, method, argument];
  return execFileSync(process.execPath, words, {
    ...user,
    env: { HOME: '/nonexistent' },
    encoding: 'utf8',
    timeout: 30_000,
  }).trim();
}

function own(repo: Repo): void {
  if (isRoot()) execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, repo.dir]);
}

function withModuleCache(): Repo {
  const repo = Repo.create();
  repo.write('cache/module/a.go', 'package a\n', 0o444);
  repo.write('cache/module/deep/b.go', 'package b\n', 0o444);
  repo.commitAll('first');
  repo.write('cache/module/untracked.go', 'package c\n', 0o444);
  return repo;
}

function setModes(repo: Repo, mode: number): void {
  for (const dir of ['cache', 'cache/module', 'cache/module/deep']) {
    if (fs.existsSync(repo.path(dir))) fs.chmodSync(repo.path(dir), mode);
  }
}

function becomeDirectory(file: string): void {
  fs.rmSync(file);
  fs.mkdirSync(file);
}

test.each([
  ['files in them were deleted', (repo: Repo) => fs.rmSync(repo.path('cache/module/deep/b.go'))],
  ['they are gone', (repo: Repo) => fs.rmSync(repo.path('cache'), { recursive: true })],
  ['files were added', (repo: Repo) => repo.write('cache/module/deep/more/added.go', 'package d\n', 0o444)],
  ['a file became a directory', (repo: Repo) => becomeDirectory(repo.path('cache/module/a.go'))],
])('read-only directories of the user are restored exactly, where %s', (_, wreck) => {
  const repo = withModuleCache();
  setModes(repo, 0o555);
  own(repo);
  const before = filesOf(repo);
  const ref = asUser(repo, 'take', 't');
  expect(ref).toMatch(/^refs\//);
  setModes(repo, 0o755);
  wreck(repo);
  own(repo);
  setModes(repo, 0o555);
  expect(asUser(repo, 'restore', ref)).toBe('done');
  expect(filesOf(repo)).toEqual(before);
});

test('a directory of another user is refused with a code, and keeps its permissions', (context) => {
  context.skip(!isRoot(), 'only root can make files of other users');
  const repo = withModuleCache();
  own(repo);
  const ref = asUser(repo, 'take', 't');
  expect(ref).toMatch(/^refs\//);
  fs.rmSync(repo.path('cache/module/a.go'));
  fs.chownSync(repo.path('cache/module'), 0, 0);
  expect(asUser(repo, 'restore', ref)).toBe('DEVS_NOT_PERMITTED');
  expect(fs.statSync(repo.path('cache/module')).mode & 0o777).toBe(0o755);
  fs.chownSync(repo.path('cache/module'), NOBODY, NOBODY);
  expect(asUser(repo, 'recover', '')).toBe('done');
  expect(repo.read('cache/module/a.go')).toBe('package a\n');
});

/** Not by git, which refuses to look at another user's repository. */
function filesOf(repo: Repo): string[] {
  const names = fs.readdirSync(repo.dir, { recursive: true, encoding: 'utf8' });
  const own = names.filter((name) => !name.startsWith('.git/')).sort();
  return own.map((name) => {
    const stat = fs.lstatSync(repo.path(name));
    return `${name} ${stat.mode.toString(8)} ${stat.isFile() ? repo.read(name) : ''}`;
  });
}
