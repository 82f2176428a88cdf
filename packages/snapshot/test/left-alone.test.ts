// What a run changed around the repository's state is not brought back, and is always named.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { Repo, temporaryDirectory } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { AtomicSnapshot, type LeftAlone } from '../src/index.ts';

function committed(dir?: string): Repo {
  const repo = dir === undefined ? Repo.create() : new Repo(dir);
  if (dir !== undefined) fs.mkdirSync(dir, { recursive: true });
  if (dir !== undefined) repo.git('init', '-q', '-b', 'main');
  repo.write('a.txt', 'a\n');
  repo.commitAll('first');
  return repo;
}

async function leftAloneAfter(repo: Repo, task: () => void): Promise<readonly LeftAlone[]> {
  const ref = await AtomicSnapshot.take(repo.dir, 'task');
  task();
  return (await AtomicSnapshot.restore(repo.dir, ref)).leftAlone;
}

/** Types what the report says, in the repository. */
function goBack(repo: Repo, entries: readonly LeftAlone[]): void {
  for (const { wayBack } of entries) {
    const [program, ...words] = wayBack!;
    execFileSync(program, words, { cwd: repo.dir, stdio: 'pipe' });
  }
}

test('configuration: each key that changed, with the command that sets it again', async () => {
  const repo = committed();
  repo.git('config', 'core.editor', 'vi');
  const list = () => repo.git('config', '--local', '--list').split('\n').sort();
  const before = list();
  const left = await leftAloneAfter(repo, () => {
    repo.git('config', 'core.editor', 'ed');
    repo.git('config', 'alias.x', 'status');
    repo.git('config', '--unset', 'core.logallrefupdates');
  });
  expect(left.map(({ kind, name }) => [kind, name])).toEqual([
    ['configuration', 'core.logallrefupdates'],
    ['configuration', 'core.editor'],
    ['configuration', 'alias.x'],
  ]);
  goBack(repo, left);
  expect(list()).toEqual(before);
});

test('configuration: a secret is not in any object', async () => {
  const repo = committed();
  repo.git('config', 'http.https://example.com/.extraheader', 'AUTHORIZATION: basic c2VjcmV0');
  repo.git('config', 'remote.origin.url', 'https://user:hunter2@example.com/x.git');
  await AtomicSnapshot.take(repo.dir, 'task');
  const all = repo.git('cat-file', '--batch', '--batch-all-objects', '--unordered');
  expect(all).toContain('remote.origin.url');
  expect(all).not.toMatch(/c2VjcmV0|hunter2/);
});

test('another work tree that was removed, and the commit that it alone had', async () => {
  const repo = committed();
  const dir = `${temporaryDirectory()}/other`;
  repo.git('worktree', 'add', '-q', '--detach', dir);
  const other = new Repo(dir);
  other.write('b.txt', 'only here\n');
  other.commitAll('detached');
  const commit = other.git('rev-parse', 'HEAD');
  const left = await leftAloneAfter(repo, () => {
    repo.git('worktree', 'remove', '--force', dir);
    repo.git('reflog', 'expire', '--expire=now', '--all');
    repo.git('gc', '-q', '--prune=now');
  });
  expect(left).toMatchObject([{ kind: 'work tree', name: dir, before: commit, now: null }]);
  goBack(repo, left);
  expect(other.git('rev-parse', 'HEAD')).toBe(commit);
});

test('a nested repository that was removed, one that is new, and one that moved', async () => {
  const repo = committed();
  committed(`${repo.dir}/gone`);
  const moved = committed(`${repo.dir}/moved`);
  const left = await leftAloneAfter(repo, () => {
    fs.rmSync(repo.path('gone'), { recursive: true });
    moved.git('checkout', '-q', '--detach');
    committed(`${repo.dir}/new`);
  });
  expect(left.map(({ kind, name }) => [kind, name])).toEqual([
    ['repository', 'gone'],
    ['repository', 'moved'],
    ['repository', 'new'],
  ]);
});

test('the patterns of a sparse checkout come back with the index', async () => {
  const repo = committed();
  for (const name of ['one/x', 'two/y']) repo.write(name, name);
  repo.commitAll('second');
  repo.git('sparse-checkout', 'set', 'one');
  const patterns = () => repo.git('sparse-checkout', 'list');
  expect(patterns()).toBe('one');
  const left = await leftAloneAfter(repo, () => repo.git('sparse-checkout', 'set', 'two'));
  expect(patterns()).toBe('one');
  expect(repo.git('status', '--porcelain')).toBe('');
  expect([repo.exists('one/x'), repo.exists('two/y')]).toEqual([true, false]);
  expect(left).toEqual([]);
});

test('nothing changed: nothing is named', async () => {
  const repo = committed();
  committed(`${repo.dir}/inner`);
  expect(await leftAloneAfter(repo, () => repo.write('a.txt', 'b\n'))).toEqual([]);
});
