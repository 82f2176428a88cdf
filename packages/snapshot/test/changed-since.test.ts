// What a person did after the run is not overwritten without being asked: not permissions, empty
// directories or index bits either.
import fs from 'node:fs';
import { fingerprint, Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';

const CHANGES: Readonly<Record<string, (repo: Repo) => void>> = {
  'permissions of a file that the run changed': (repo) => fs.chmodSync(repo.path('a.txt'), 0o600),
  'permissions that the run changed, changed again': (repo) => fs.chmodSync(repo.path('tool.sh'), 0o500),
  'permissions of a directory that the run changed': (repo) => fs.chmodSync(repo.path('dir'), 0o711),
  'an empty directory made since': (repo) => fs.mkdirSync(repo.path('fresh')),
  'an empty directory removed since': (repo) => fs.rmdirSync(repo.path('empty')),
  'an assume-unchanged bit': (repo) => void repo.git('update-index', '--assume-unchanged', 'dir/b.txt'),
  'a skip-worktree bit': (repo) => void repo.git('update-index', '--skip-worktree', 'dir/b.txt'),
  'an intent to add': (repo) => void repo.git('add', '-N', 'untracked.txt'),
  'a file that was staged': (repo) => void repo.git('add', 'untracked.txt'),
};

test.each(Object.entries(CHANGES))('a restore refuses, and --force goes on: %s', async (_, change) => {
  const repo = Repo.create();
  repo.write('a.txt', 'a\n');
  repo.write('dir/b.txt', 'b\n');
  repo.write('tool.sh', '#!/bin/sh\n', 0o755);
  repo.commitAll('first');
  repo.write('untracked.txt', 'u\n');
  fs.mkdirSync(repo.path('empty'));
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 'task');
  repo.write('a.txt', 'changed\n');
  fs.chmodSync(repo.path('tool.sh'), 0o700);
  fs.chmodSync(repo.path('dir'), 0o700);
  const after = await AtomicSnapshot.take(repo.dir, 'task', { kind: 'after', since: ref });
  change(repo);
  const left = fingerprint(repo);
  await expect(AtomicSnapshot.restore(repo.dir, ref, { after })).rejects.toMatchObject({
    code: 'DEVS_CHANGED_SINCE',
  });
  expect(fingerprint(repo)).toEqual(left);
  const { safetyRef } = await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
  await AtomicSnapshot.restore(repo.dir, safetyRef!);
  expect(fingerprint(repo)).toEqual(left);
});

test('a refreshed index is no change', async () => {
  const repo = Repo.create();
  repo.write('a.txt', 'a\n');
  repo.commitAll('first');
  const ref = await AtomicSnapshot.take(repo.dir, 'task');
  repo.write('a.txt', 'changed\n');
  const after = await AtomicSnapshot.take(repo.dir, 'task', { kind: 'after', since: ref });
  const past = new Date(Date.now() - 100_000);
  fs.utimesSync(repo.path('a.txt'), past, past);
  repo.git('update-index', '-q', '--refresh');
  repo.git('status');
  await AtomicSnapshot.restore(repo.dir, ref, { after });
  expect(repo.read('a.txt')).toBe('a\n');
});
