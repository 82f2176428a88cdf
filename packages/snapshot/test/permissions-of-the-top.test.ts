// The permissions of the work tree's own top are part of a snapshot, and are no obstacle.
import fs from 'node:fs';
import { Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';
import { asUser, filesOf, giveAway } from './as-user.ts';

test.each([0o555, 0o700, 0o711, 0o500, 0o2755, 0o1777])('a task sets the top to %o', (mode) => {
  const repo = Repo.withWork();
  fs.chmodSync(repo.dir, 0o755);
  giveAway(repo);
  const before = filesOf(repo);
  const ref = asUser(repo, 'take', 't');
  expect(ref).toMatch(/^refs/);
  fs.rmSync(repo.path('a.txt'));
  repo.write('made.txt', 'by the task\n');
  giveAway(repo);
  fs.chmodSync(repo.dir, mode);
  const after = asUser(repo, 'take', 't', JSON.stringify({ since: ref }));
  const report = JSON.parse(asUser(repo, 'restore', ref, JSON.stringify({ after })));
  expect(report.permissions).toEqual(['./']);
  expect(filesOf(repo)).toEqual(before);
});

test('a top that could not be written in before is so again, with all its files', () => {
  const repo = Repo.withWork();
  fs.chmodSync(repo.dir, 0o555);
  giveAway(repo);
  const before = filesOf(repo);
  const ref = asUser(repo, 'take', 't');
  fs.chmodSync(repo.dir, 0o755);
  fs.rmSync(repo.path('a.txt'));
  asUser(repo, 'restore', ref);
  expect(filesOf(repo)).toEqual(before);
});

test('what the user set after the run is not changed without --force; a partial restore never does', async () => {
  const repo = Repo.withWork();
  fs.chmodSync(repo.dir, 0o755);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.write('a.txt', 'by the task\n');
  const after = await AtomicSnapshot.take(repo.dir, 't', { since: ref });
  fs.chmodSync(repo.dir, 0o750);
  await expect(AtomicSnapshot.restore(repo.dir, ref, { after })).rejects.toMatchObject({ code: 'DEVS_CHANGED_SINCE' });
  await AtomicSnapshot.restore(repo.dir, ref, { after, paths: ['a.txt'] });
  expect(fs.statSync(repo.dir).mode & 0o777).toBe(0o750);
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fs.statSync(repo.dir).mode & 0o777).toBe(0o755);
});

test('bits above 0777 that the user set after the run are not taken back without --force', async () => {
  const repo = Repo.withWork();
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  const after = await AtomicSnapshot.take(repo.dir, 't', { since: ref });
  fs.chmodSync(repo.path('dir'), 0o2755);
  await expect(AtomicSnapshot.restore(repo.dir, ref, { after })).rejects.toMatchObject({ code: 'DEVS_CHANGED_SINCE' });
});

test('a new directory keeps the setgid bit that it inherits', async () => {
  const repo = Repo.withWork();
  fs.chmodSync(repo.dir, 0o2755);
  repo.write('shared/deep/x.txt', 'x\n');
  fs.chmodSync(repo.path('shared'), 0o2775);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  fs.rmSync(repo.path('shared'), { recursive: true });
  await AtomicSnapshot.restore(repo.dir, ref);
  const modes = ['shared', 'shared/deep'].map((dir) => fs.statSync(repo.path(dir)).mode & 0o7777);
  expect(modes).toEqual([0o2775, 0o2755]);
});

test('a bit that a restore did not give is no change after it: the restore can be undone', async () => {
  const repo = Repo.withWork();
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  fs.chmodSync(repo.path('dir/d.txt'), 0o4755);
  const left = await AtomicSnapshot.take(repo.dir, 't', { since: ref });
  const oid = repo.git('rev-parse', left);
  await AtomicSnapshot.restore(repo.dir, ref, { keep: true });
  await AtomicSnapshot.restore(repo.dir, oid, { keep: true });
  await AtomicSnapshot.restore(repo.dir, ref, { after: oid });
  expect(fs.statSync(repo.path('dir/d.txt')).mode & 0o7777).toBe(0o644);
});
