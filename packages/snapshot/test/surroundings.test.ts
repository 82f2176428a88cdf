// What lies around the files of one work tree: other repositories, links, locks, other branches.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fingerprint, Repo, temporaryDirectory } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { AtomicSnapshot, AtomicSnapshotError, takeSnapshot } from '../src/index.ts';
import { destroy, status } from './hazard.ts';

describe('reported, and never entered:', () => {
  test.each([
    ['nested repository with commits', true],
    ['nested repository without commits', false],
  ])('%s', async (_, hasCommit) => {
    const repo = Repo.withWork();
    fs.mkdirSync(repo.path('nested'));
    const nested = new Repo(repo.path('nested'));
    nested.git('init', '-q');
    nested.write('inside.txt', 'its own');
    if (hasCommit) {
      nested.commitAll('its own');
    }
    const inside = fingerprint(nested);
    const { ref, skipped } = await takeSnapshot(repo.dir, 't');
    expect(skipped).toEqual([{ path: 'nested', reason: 'nested repository' }]);
    nested.write('inside.txt', 'changed by the task');
    const changed = fingerprint(nested);
    expect(changed).not.toEqual(inside);
    await AtomicSnapshot.restore(repo.dir, ref);
    expect(fingerprint(nested)).toEqual(changed);
  });

  test('submodule', async () => {
    const library = Repo.create();
    library.write('lib.txt', 'library');
    library.commitAll('library');
    const repo = Repo.withWork();
    repo.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library.dir, 'sub');
    repo.write('sub/lib.txt', 'changed in the submodule');
    const before = fingerprint(repo);
    const { ref, skipped } = await takeSnapshot(repo.dir, 't');
    expect(skipped).toEqual([{ path: 'sub', reason: 'submodule' }]);
    repo.write('a.txt', 'by the task');
    await AtomicSnapshot.restore(repo.dir, ref);
    expect(fingerprint(repo)).toEqual(before);
  });

  test('fifo and socket', async () => {
    const repo = Repo.withWork();
    execFileSync('mkfifo', [repo.path('fifo')]);
    const server = net.createServer().listen(repo.path('socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      const { ref, skipped } = await takeSnapshot(repo.dir, 't');
      expect(skipped).toEqual([
        { path: 'fifo', reason: 'fifo' },
        { path: 'socket', reason: 'socket' },
      ]);
      repo.write('a.txt', 'by the task');
      await AtomicSnapshot.restore(repo.dir, ref);
      expect(fs.lstatSync(repo.path('fifo')).isFIFO()).toBe(true);
    } finally {
      server.close();
    }
  });
});

test('linked worktree: its own index and HEAD, shared refs and objects', async () => {
  const main = Repo.withWork();
  main.git('worktree', 'add', '-q', `${main.dir}-linked`, '-b', 'linked');
  const linked = new Repo(`${main.dir}-linked`);
  linked.write('a.txt', 'staged in the linked one\n');
  linked.git('add', 'a.txt');
  linked.write('only here.txt', 'exists nowhere else');
  const state = () => [
    status(linked),
    linked.read('a.txt'),
    linked.read('only here.txt'),
    linked.git('rev-parse', 'HEAD'),
  ];
  const before = state();
  const mainBefore = fingerprint(main);
  const ref = await AtomicSnapshot.take(linked.dir, 't');
  linked.git('commit', '-qam', 'by the task');
  fs.rmSync(linked.path('only here.txt'));
  main.git('gc', '-q', '--prune=now');
  await AtomicSnapshot.restore(linked.dir, ref);
  expect(state()).toEqual(before);
  expect(fingerprint(main)).toEqual(mainBefore);
  fs.rmSync(linked.dir, { recursive: true });
});

test('symlinked .git', async () => {
  const repo = Repo.withWork();
  const elsewhere = path.join(temporaryDirectory(), 'the.git');
  fs.renameSync(repo.path('.git'), elsewhere);
  fs.symlinkSync(elsewhere, repo.path('.git'));
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  destroy(repo);
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
  expect(fs.lstatSync(repo.path('.git')).isSymbolicLink()).toBe(true);
});

test('symlinked parent that leads outside: nothing outside is written or deleted', async () => {
  const repo = Repo.withWork();
  const outside = temporaryDirectory();
  fs.writeFileSync(path.join(outside, 'c.txt'), 'not ours');
  fs.writeFileSync(path.join(outside, 'new.txt'), 'not ours');
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  fs.rmSync(repo.path('dir'), { recursive: true });
  fs.symlinkSync(outside, repo.path('dir'));
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
  expect(fs.readdirSync(outside).map((name) => fs.readFileSync(path.join(outside, name), 'utf8'))).toEqual([
    'not ours',
    'not ours',
  ]);
});

test('index.lock held or left behind: take does not need it, restore refuses and changes nothing', async () => {
  const repo = Repo.withWork();
  const before = fingerprint(repo);
  fs.writeFileSync(repo.path('.git/index.lock'), '');
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.write('a.txt', 'by the task');
  const wrecked = fingerprint(repo);
  const error = await AtomicSnapshot.restore(repo.dir, ref).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(AtomicSnapshotError);
  expect(error).toMatchObject({ code: 'DEVS_GIT_LOCKED', message: expect.stringContaining('index.lock') });
  expect(fingerprint(repo)).toEqual(wrecked);
  fs.rmSync(repo.path('.git/index.lock'));
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
});

test('file made by someone else during the run: it goes, and the safety snapshot has it', async () => {
  const repo = Repo.withWork();
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.write('written meanwhile.txt', 'in my editor');
  const { deleted, safetyRef } = await AtomicSnapshot.restore(repo.dir, ref);
  expect(deleted).toEqual(['written meanwhile.txt']);
  await AtomicSnapshot.restore(repo.dir, safetyRef!, { paths: ['written meanwhile.txt'] });
  expect(repo.read('written meanwhile.txt')).toBe('in my editor');
});

test('tracked file that was deleted, made anew under an ignored name: it goes again', async () => {
  const repo = Repo.create();
  repo.write('d/kept', 'kept\n');
  repo.write('d/f', 'one\n');
  repo.commitAll('base');
  repo.write('.gitignore', 'd/\n');
  fs.rmSync(repo.path('d/f'));
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.write('d/f', 'by the task\n');
  repo.git('rm', '-q', '--cached', 'd/f');
  const { deleted, safetyRef } = await AtomicSnapshot.restore(repo.dir, ref);
  expect(deleted).toEqual(['d/f']);
  expect(fingerprint(repo)).toEqual(before);
  await AtomicSnapshot.restore(repo.dir, safetyRef!);
  expect(fs.readFileSync(repo.path('d/f'), 'utf8')).toBe('by the task\n');
});

test('other branches, tags and stash entries that the task deleted: reported, left alone, and never pruned', async () => {
  const repo = Repo.withWork();
  repo.git('branch', 'untouched');
  repo.git('tag', 'v1');
  repo.git('stash', 'push', '-q', '--', 'dir/c.txt');
  repo.write('dir/d.txt', 'stashed later');
  repo.git('stash', 'push', '-q', '--', 'dir/d.txt');
  repo.git('branch', 'unmerged', repo.git('commit-tree', '-p', 'HEAD', '-m', 'on no other branch', 'HEAD^{tree}'));
  const oid = (name: string) => repo.git('rev-parse', name);
  const [branch, newest, older] = [oid('unmerged'), oid('stash@{0}'), oid('stash@{1}')];
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.git('branch', '-D', 'unmerged');
  repo.git('tag', '-d', 'v1');
  repo.git('stash', 'clear');
  repo.git('branch', 'made by the task'.replaceAll(' ', '-'));
  const prune = () => {
    repo.git('reflog', 'expire', '--expire=now', '--all');
    repo.git('gc', '-q', '--prune=now');
  };
  prune();
  const { moved } = await AtomicSnapshot.restore(repo.dir, ref);
  expect(moved).toEqual([
    { ref: 'refs/heads/unmerged', before: branch, now: null },
    { ref: 'refs/tags/v1', before: oid('main'), now: null },
    { ref: 'stash@{0}', before: newest, now: null },
    { ref: 'stash@{1}', before: older, now: null },
    { ref: 'refs/heads/made-by-the-task', before: null, now: oid('main') },
  ]);
  // The snapshot is dropped by now: what it kept, its safety snapshot keeps.
  prune();
  repo.git('stash', 'store', older);
  repo.git('branch', 'unmerged', branch);
  expect(repo.git('stash', 'show', '--name-only', 'stash@{0}')).toContain('dir/c.txt');
});

test('permissions of an ignored file that the task tracked: they are no business of the restore', async () => {
  const repo = Repo.withWork();
  repo.write('key.log', 'for me alone', 0o600);
  fs.mkdirSync(repo.path('private.log'));
  repo.write('private.log/key', 'for me alone', 0o600);
  fs.chmodSync(repo.path('private.log'), 0o700);
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.git('add', '-f', 'key.log', 'private.log');
  const { permissions } = await AtomicSnapshot.restore(repo.dir, ref);
  expect(permissions).toEqual([]);
  expect(fingerprint(repo)).toEqual(before);
});
