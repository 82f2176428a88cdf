// A present that cannot be captured as a whole can still be left, with --force and only with it.
import fs from 'node:fs';
import { fingerprint, Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';

const DAMAGES: Readonly<Record<string, (repo: Repo) => void>> = {
  'garbage in the index': (repo) => fs.writeFileSync(repo.path('.git/index'), 'garbage'),
  'an index cut short': (repo) => fs.truncateSync(repo.path('.git/index'), 100),
  'an empty index': (repo) => fs.writeFileSync(repo.path('.git/index'), ''),
  'garbage in HEAD': (repo) => fs.writeFileSync(repo.path('.git/HEAD'), 'garbage\n'),
  'an empty HEAD': (repo) => fs.writeFileSync(repo.path('.git/HEAD'), ''),
  'garbage in the branch': (repo) => fs.writeFileSync(repo.path('.git/refs/heads/main'), 'garbage\n'),
  'a branch at an object that is missing': (repo) =>
    fs.writeFileSync(repo.path('.git/refs/heads/main'), `${'12345678'.repeat(5)}\n`),
  'an empty branch': (repo) => fs.writeFileSync(repo.path('.git/refs/heads/main'), ''),
};

test.each(Object.entries(DAMAGES))('%s', async (_, damage) => {
  const repo = Repo.withWork();
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 'task');
  const { oid } = (await AtomicSnapshot.list(repo.dir))[0]!;
  repo.write('a.txt', 'changed by the task\n');
  repo.write('new.txt', 'made by the task\n');
  damage(repo);
  const damaged = repo.read('.git/HEAD') + fs.readFileSync(repo.path('.git/index'), 'latin1');
  await expect(AtomicSnapshot.restore(repo.dir, ref, { after: oid })).rejects.toMatchObject({
    code: expect.stringMatching(/^DEVS_(?:REF_INVALID|INDEX_INVALID|HEAD_MOVED)$/),
  });
  expect(repo.read('.git/HEAD') + fs.readFileSync(repo.path('.git/index'), 'latin1')).toBe(damaged);
  const report = await AtomicSnapshot.restore(repo.dir, ref, { keep: true });
  expect(fingerprint(repo)).toEqual(before);
  expect(repo.git('fsck', '--strict')).toBe('');
  expect(report.lacks).toHaveLength(1);
  // What could be read is in the safety snapshot, and comes back.
  await AtomicSnapshot.restore(repo.dir, report.safetyRef!);
  expect([repo.read('a.txt'), repo.read('new.txt')]).toEqual(['changed by the task\n', 'made by the task\n']);
});

test.each(Object.entries(DAMAGES))('a comparison with the present needs no sound git files: %s', async (_, damage) => {
  const repo = Repo.withWork();
  repo.write('tracked.log', 'tracked and ignored\n');
  repo.git('add', '-f', 'tracked.log');
  const ref = await AtomicSnapshot.take(repo.dir, 'task');
  repo.write('a.txt', 'changed by the task\n');
  repo.write('new.txt', 'made by the task\n');
  fs.rmSync(repo.path('dir/c.txt'));
  damage(repo);
  const before = fs.readdirSync(repo.path('.git')).sort();
  const entries = await AtomicSnapshot.diff(repo.dir, ref);
  expect(entries.map(({ path, status }) => `${status} ${path}`)).toEqual([
    'modified a.txt',
    'deleted dir/c.txt',
    'added new.txt',
  ]);
  expect(fs.readdirSync(repo.path('.git')).sort()).toEqual(before);
});

test('undoing a restore over a damaged branch deletes no branch', async () => {
  const repo = Repo.withWork();
  const tip = repo.git('rev-parse', 'main');
  const ref = await AtomicSnapshot.take(repo.dir, 'task');
  repo.git('symbolic-ref', 'refs/heads/main', 'refs/heads/main');
  const { safetyRef } = await AtomicSnapshot.restore(repo.dir, ref, { keep: true });
  expect(repo.git('rev-parse', 'main')).toBe(tip);
  await AtomicSnapshot.restore(repo.dir, safetyRef!);
  expect([repo.git('rev-parse', 'main'), repo.git('symbolic-ref', 'HEAD')]).toEqual([tip, 'refs/heads/main']);
});
