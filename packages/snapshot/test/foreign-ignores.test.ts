// `core.excludesFile` of the repository's own configuration may name any file of the user's.
import fs from 'node:fs';
import path from 'node:path';
import { Repo, temporaryDirectory } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';

/** Every object's content, as text. */
function allObjects(repo: Repo): string {
  return repo.git('cat-file', '--batch', '--batch-all-objects', '--buffer');
}

function withExcludes(name: (dir: string) => string): { repo: Repo; file: string } {
  const repo = Repo.withWork();
  const dir = temporaryDirectory();
  const file = path.join(dir, 'key');
  fs.writeFileSync(file, '# PRIVATE KEY\n*.tmp\n');
  repo.git('config', 'core.excludesFile', name(dir));
  return { repo, file };
}

test('a file outside of the repository: its rules hold, and its bytes are in no object', async () => {
  const { repo } = withExcludes((dir) => `${dir}/key`);
  repo.write('x.tmp', 'ignored');
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  expect(allObjects(repo)).not.toContain('PRIVATE KEY');
  expect(repo.git('ls-tree', '-r', '--name-only', `${ref}^3`)).not.toContain('x.tmp');
  repo.write('y.tmp', 'made by the task, and ignored');
  repo.write('y.txt', 'made by the task');
  const { deleted } = await AtomicSnapshot.restore(repo.dir, ref);
  expect(deleted).toEqual(['y.txt']);
  expect(repo.exists('y.tmp')).toBe(true);
  expect(allObjects(repo)).not.toContain('PRIVATE KEY');
});

test('a link in the repository that leads to such a file: the same', async () => {
  const { repo } = withExcludes(() => 'rules');
  const secret = path.join(temporaryDirectory(), 'key');
  fs.writeFileSync(secret, '# PRIVATE KEY\n');
  fs.symlinkSync(secret, repo.path('rules'));
  await AtomicSnapshot.take(repo.dir, 't');
  expect(allObjects(repo)).not.toContain('PRIVATE KEY');
});

test('info/exclude that is a link to such a file: not followed', async () => {
  const { repo, file } = withExcludes(() => 'none');
  fs.rmSync(repo.path('.git/info/exclude'), { force: true });
  fs.mkdirSync(repo.path('.git/info'), { recursive: true });
  fs.symlinkSync(file, repo.path('.git/info/exclude'));
  await AtomicSnapshot.take(repo.dir, 't');
  expect(allObjects(repo)).not.toContain('PRIVATE KEY');
});

test('the file changed since: nothing is deleted of which it may have said that it is ignored', async () => {
  const { repo, file } = withExcludes((dir) => `${dir}/key`);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  fs.writeFileSync(file, 'other\n');
  repo.write('y.tmp', 'ignored then');
  const { deleted } = await AtomicSnapshot.restore(repo.dir, ref);
  expect(deleted).toEqual([]);
  expect(repo.read('y.tmp')).toBe('ignored then');
});

test('a file inside of the repository is a part of the snapshot', async () => {
  const { repo } = withExcludes(() => '.git/rules');
  repo.write('.git/rules', '# of the repository\n');
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  expect(repo.git('cat-file', '-p', `${ref}^4:ignore/global`)).toBe('# of the repository');
});
