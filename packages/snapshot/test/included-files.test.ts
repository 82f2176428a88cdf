// Ignored files that a pattern includes are in a snapshot, and so is their absence. Other ignored files stay as they are.
import fs from 'node:fs';
import { fingerprint, Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';

function withBuild(): Repo {
  const repo = Repo.withWork();
  repo.write('.gitignore', '*.log\n/build/\n');
  repo.write('build/out.o', 'made\n');
  repo.write('build/deep/in.o', 'made too\n', 0o600);
  repo.write('build/x.log', 'a log\n');
  fs.mkdirSync(repo.path('build/empty'));
  fs.chmodSync(repo.path('build'), 0o700);
  return repo;
}

test.each([
  ['build/', 'build/new.o'],
  ['build/', 'build/more/new.o'],
  ['/build/**', 'build/new.o'],
  ['*.o', 'build/new.o'],
  ['build/*.o', 'build/new.o'],
])('included by %s: %s is made by the task and goes', async (pattern, made) => {
  const repo = withBuild();
  const before = fingerprint(repo);
  const options = { includeIgnored: [pattern] };
  const ref = await AtomicSnapshot.take(repo.dir, 't', options);
  repo.write('build/out.o', 'changed by the task\n');
  repo.write(made, 'by the task\n');
  const after = await AtomicSnapshot.take(repo.dir, 't', { ...options, since: ref });
  const { deleted } = await AtomicSnapshot.restore(repo.dir, ref, { after });
  expect(deleted).toEqual([made]);
  expect(fingerprint(repo)).toEqual(before);
});

test('an included directory comes back with its permissions and the empty directories in it', async () => {
  const repo = withBuild();
  fs.rmSync(repo.path('build/x.log'));
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't', { includeIgnored: ['build/'] });
  fs.rmSync(repo.path('build'), { recursive: true });
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
});

test('ignored files beside included ones stay', async () => {
  const repo = withBuild();
  const ref = await AtomicSnapshot.take(repo.dir, 't', { includeIgnored: ['build/'] });
  repo.write('build/y.log', 'a log of the task\n');
  repo.write('other.log', 'another\n');
  const { deleted } = await AtomicSnapshot.restore(repo.dir, ref);
  expect([deleted, repo.read('build/x.log'), repo.read('build/y.log')]).toEqual([[], 'a log\n', 'a log of the task\n']);
});

test('what the user made after the run under an included pattern stays without --force', async () => {
  const repo = withBuild();
  const options = { includeIgnored: ['build/'] };
  const ref = await AtomicSnapshot.take(repo.dir, 't', options);
  repo.write('build/out.o', 'changed by the task\n');
  const after = await AtomicSnapshot.take(repo.dir, 't', { ...options, since: ref });
  repo.write('build/mine.o', 'mine\n');
  await expect(AtomicSnapshot.restore(repo.dir, ref, { after })).rejects.toMatchObject({
    code: 'DEVS_CHANGED_SINCE',
    data: { files: ['build/mine.o'] },
  });
});

test.each<[string, (repo: Repo) => void]>([
  ['tracked', (repo) => repo.git('add', '-f', 'ignored.log')],
  [
    'committed',
    (repo) => {
      repo.git('add', '-f', 'ignored.log');
      repo.git('commit', '-qm', 'by the task');
    },
  ],
  ['no longer ignored', (repo) => repo.write('.gitignore', '')],
])('an ignored file that is %s by the task is again what it was, with its bytes', async (_, task) => {
  const repo = Repo.withWork();
  fs.chmodSync(repo.path('ignored.log'), 0o600);
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  task(repo);
  const after = await AtomicSnapshot.take(repo.dir, 't', { since: ref });
  await AtomicSnapshot.restore(repo.dir, ref, { after });
  expect(fingerprint(repo)).toEqual(before);
  expect(repo.git('status', '--porcelain', '--ignored')).toContain('!! ignored.log');
});
