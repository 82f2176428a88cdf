// What a task makes unreadable comes back: devs reads what is the user's own, and leaves the rest with --force.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { isRoot, Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { asUser, filesOf, giveAway } from './as-user.ts';

function ofTheUser(): Repo {
  const repo = Repo.withWork();
  repo.write('dir/deep/x.txt', 'exists nowhere else\n');
  fs.chmodSync(repo.dir, 0o755);
  giveAway(repo);
  return repo;
}

const TASKS: Readonly<Record<string, (repo: Repo) => void>> = {
  'a tracked file': (repo) => fs.chmodSync(repo.path('a.txt'), 0),
  'an untracked file': (repo) => fs.chmodSync(repo.path('untracked.txt'), 0),
  'a changed file': (repo) => {
    repo.write('a.txt', 'by the task\n', 0o000);
    giveAway(repo);
  },
  'a new file': (repo) => {
    repo.write('made.txt', 'by the task\n', 0o000);
    giveAway(repo);
  },
  'a .gitignore': (repo) => fs.chmodSync(repo.path('.gitignore'), 0),
  'a directory': (repo) => fs.chmodSync(repo.path('dir'), 0),
  'a directory in a directory': (repo) => {
    fs.chmodSync(repo.path('dir/deep'), 0);
    fs.chmodSync(repo.path('dir'), 0o600);
  },
  'a directory that may be listed and not entered': (repo) => fs.chmodSync(repo.path('dir'), 0o444),
  'a directory that may be entered and not listed': (repo) => fs.chmodSync(repo.path('new dir'), 0o111),
  'an empty directory': (repo) => fs.chmodSync(repo.path('empty'), 0),
};

test.each(Object.entries(TASKS))('%s', (_, task) => {
  const repo = ofTheUser();
  const before = filesOf(repo);
  const ref = asUser(repo, 'take', 't');
  task(repo);
  const wrecked = filesOf(repo);
  // A snapshot that only looks changes no permissions.
  expect(asUser(repo, 'take', 't')).toMatch(/^(?:DEVS_UNREADABLE|refs)/);
  expect(filesOf(repo)).toEqual(wrecked);
  const after = asUser(repo, 'take', 't', JSON.stringify({ kind: 'after', since: ref }));
  expect(after).toMatch(/^refs/);
  expect(filesOf(repo)).toEqual(wrecked);
  const report = asUser(repo, 'restore', ref, JSON.stringify({ after }));
  expect(report).toMatch(/^\{/);
  expect(filesOf(repo)).toEqual(before);
  expect(JSON.parse(report).lacks).toEqual([]);
  expect(asUser(repo, 'restore', JSON.parse(report).safetyRef)).toMatch(/^\{/);
  expect(filesOf(repo)).toEqual(wrecked);
});

/** Of root, who keeps it for himself. */
function takeAway(repo: Repo, name: string): void {
  fs.chownSync(repo.path(name), 0, 0);
  fs.chmodSync(repo.path(name), 0o600);
}

test('a file of another user in the way is refused; with --force it is moved aside', (context) => {
  context.skip(!isRoot(), 'only root can make files of other users');
  const repo = ofTheUser();
  const before = filesOf(repo);
  const ref = asUser(repo, 'take', 't');
  repo.write('dir/c.txt', 'by root\n');
  repo.write('b.txt', 'by the task\n');
  takeAway(repo, 'dir/c.txt');
  expect(asUser(repo, 'take', 't', JSON.stringify({ kind: 'after', since: ref }))).toMatch(/^DEVS_UNREADABLE/);
  const after = JSON.stringify({ after: null, keep: true });
  expect(asUser(repo, 'restore', ref, after)).toMatch(/^DEVS_UNREADABLE .*dir\/c\.txt/);
  expect(repo.read('b.txt')).toBe('by the task\n');
  const { lacks, leftAlone } = JSON.parse(asUser(repo, 'restore', ref));
  expect(lacks).toEqual([{ what: 'dir/c.txt', why: 'it cannot be read (EACCES)' }]);
  expect(leftAlone).toMatchObject([{ kind: 'set aside', name: 'dir/c.txt' }]);
  expect(fs.readFileSync(leftAlone[0].now, 'utf8')).toBe('by root\n');
  expect(filesOf(repo)).toEqual(before);
});

test('a file of another user in nobody’s way is left as it is', (context) => {
  context.skip(!isRoot(), 'only root can make files of other users');
  const repo = ofTheUser();
  const ref = asUser(repo, 'take', 't');
  repo.write('dir/of root.txt', 'by root\n');
  repo.write('b.txt', 'by the task\n');
  takeAway(repo, 'dir/of root.txt');
  const { lacks, written } = JSON.parse(asUser(repo, 'restore', ref));
  expect([lacks.length, written, repo.read('dir/of root.txt')]).toEqual([1, ['b.txt'], 'by root\n']);
});

test('a directory of another user that hides files of the snapshot is refused by name, with --force too', (context) => {
  context.skip(!isRoot(), 'only root can make files of other users');
  const repo = ofTheUser();
  const ref = asUser(repo, 'take', 't');
  repo.write('b.txt', 'by the task\n');
  takeAway(repo, 'dir');
  expect(asUser(repo, 'restore', ref)).toMatch(/^DEVS_(?:NOT_PERMITTED|RESTORE_OBSTRUCTED) .*dir/);
  expect(repo.read('b.txt')).toBe('by the task\n');
});

test('a path that is too long for the system has a code', () => {
  const repo = ofTheUser();
  const here = process.cwd();
  const name = 'n'.repeat(250);
  process.chdir(repo.dir);
  for (let depth = 0; depth < 18; depth++) {
    fs.mkdirSync(name);
    process.chdir(name);
  }
  fs.writeFileSync('f', '');
  process.chdir(here);
  const answer = asUser(repo, 'take', 't');
  // Node's own removal takes no path as long.
  execFileSync('rm', ['-rf', repo.path(name)]);
  expect(answer).toMatch(/^DEVS_NAME_TOO_LONG/);
});
