// Files at the path of a submodule where no repository is: nothing else has them.
import fs from 'node:fs';
import { fingerprint, Repo, temporaryDirectory } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';

function withSubmodule(): Repo {
  const inner = new Repo(temporaryDirectory());
  inner.git('init', '-q', '-b', 'main');
  inner.write('s.txt', 's\n');
  inner.commitAll('inner');
  const repo = Repo.create();
  repo.write('a.txt', 'a\n');
  repo.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', inner.dir, 'sub');
  repo.commitAll('with a submodule');
  return repo;
}

function withFiles(): Repo {
  const repo = withSubmodule();
  repo.git('submodule', '--quiet', 'deinit', '-f', 'sub');
  repo.write('sub/mine.txt', 'exists nowhere else\n');
  repo.write('sub/deep/mine.txt', 'nor does this\n', 0o600);
  return repo;
}

test.each<[string, (repo: Repo) => void]>([
  ['deleted', (repo) => fs.rmSync(repo.path('sub'), { recursive: true })],
  ['without permissions', (repo) => fs.chmodSync(repo.path('sub'), 0o500)],
  ['and the gitlink is gone from the index', (repo) => repo.git('rm', '-q', '--cached', 'sub')],
  [
    'replaced by a file',
    (repo) => {
      fs.rmSync(repo.path('sub'), { recursive: true });
      repo.write('sub', 'a file\n');
    },
  ],
  ['and others added', (repo) => repo.write('sub/new/new.txt', 'by the task\n')],
])('files at the path of a submodule come back: %s', async (_, task) => {
  const repo = withFiles();
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  task(repo);
  const after = await AtomicSnapshot.take(repo.dir, 't', { since: ref });
  await AtomicSnapshot.restore(repo.dir, ref, { after });
  expect(fingerprint(repo)).toEqual(before);
});

test('the empty directory of a submodule that was never initialised comes back', async () => {
  const repo = withSubmodule();
  repo.git('submodule', '--quiet', 'deinit', '-f', 'sub');
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  fs.rmdirSync(repo.path('sub'));
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
});

test('what the snapshot does not know of a submodule is not deleted', async () => {
  const repo = withSubmodule();
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.git('submodule', '--quiet', 'deinit', '-f', 'sub');
  repo.git('rm', '-q', '--cached', 'sub');
  repo.write('sub/mine.txt', 'after the run\n');
  const report = await AtomicSnapshot.restore(repo.dir, ref);
  expect(repo.read('sub/mine.txt')).toBe('after the run\n');
  expect(report.spared).toEqual(['sub/mine.txt']);
});

test('a file that became a submodule is not passed over', async () => {
  const repo = withSubmodule();
  repo.git('submodule', '--quiet', 'deinit', '-f', 'sub');
  repo.git('rm', '-q', 'sub');
  repo.write('sub', 'a file\n');
  repo.commitAll('a file');
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.git('checkout', '-q', '-f', 'HEAD^');
  expect(fs.statSync(repo.path('sub')).isDirectory()).toBe(true);
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
});
