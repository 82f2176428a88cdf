import fs from 'node:fs';
import { isRoot, NOBODY, Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { asUser, filesOf, giveAway } from './as-user.ts';

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
  giveAway(repo);
  const before = filesOf(repo);
  const ref = asUser(repo, 'take', 't');
  expect(ref).toMatch(/^refs\//);
  setModes(repo, 0o755);
  wreck(repo);
  giveAway(repo);
  setModes(repo, 0o555);
  expect(asUser(repo, 'restore', ref)).not.toMatch(/DEVS_|Error/);
  expect(filesOf(repo)).toEqual(before);
});

test('a directory of another user is refused by name before anything is written', (context) => {
  context.skip(!isRoot(), 'only root can make files of other users');
  const repo = withModuleCache();
  repo.write('a.txt', 'before\n');
  giveAway(repo);
  const ref = asUser(repo, 'take', 't');
  fs.rmSync(repo.path('cache/module/a.go'));
  repo.write('a.txt', 'by the task\n');
  fs.chownSync(repo.path('cache/module'), 0, 0);
  expect(asUser(repo, 'restore', ref)).toMatch(/^DEVS_NOT_PERMITTED .*cache\/module/);
  expect(fs.statSync(repo.path('cache/module')).mode & 0o777).toBe(0o755);
  expect(repo.read('a.txt')).toBe('by the task\n');
  expect(asUser(repo, 'recover')).toBe('null');
  fs.chownSync(repo.path('cache/module'), NOBODY, NOBODY);
  asUser(repo, 'restore', ref);
  expect([repo.read('cache/module/a.go'), repo.read('a.txt')]).toEqual(['package a\n', 'before\n']);
});
