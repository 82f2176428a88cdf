// A stat that is the index's proves that a file did not change since git converted it, not that its
// bytes are the blob's. Whatever the attributes say today, the bytes on disk come back.
import fs from 'node:fs';
import { Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';

const CRLF = 'one\r\ntwo\r\n';

/** A clean repository whose `a.txt` has CRLF on disk and LF in its blob. */
function withCrlf(set: (repo: Repo) => void): Repo {
  const repo = Repo.create();
  repo.write('a.txt', 'one\ntwo\n');
  repo.write('sub/b.txt', 'one\ntwo\n');
  repo.write('other.bin', 'the same everywhere\n');
  repo.commitAll('first');
  set(repo);
  for (const name of ['a.txt', 'sub/b.txt']) fs.rmSync(repo.path(name));
  repo.git('checkout', '--', 'a.txt', 'sub/b.txt');
  expect(repo.read('a.txt')).toBe(CRLF);
  settle(repo);
  return repo;
}

/** The index's own time must be later than the files', or every stat is racy and every file is read. */
function settle(repo: Repo): void {
  const past = new Date(Date.now() - 60_000);
  for (const name of ['a.txt', 'sub/b.txt', 'other.bin']) fs.utimesSync(repo.path(name), past, past);
  repo.git('status');
  expect(repo.git('status', '--porcelain', '--', 'a.txt', 'sub/b.txt')).toBe('');
}

async function expectExact(repo: Repo): Promise<void> {
  const before = repo.read('a.txt');
  for (const _ of [1, 2]) {
    const ref = await AtomicSnapshot.take(repo.dir, 'task');
    fs.rmSync(repo.path('a.txt'));
    fs.rmSync(repo.path('sub'), { recursive: true });
    await AtomicSnapshot.restore(repo.dir, ref);
    expect(repo.read('a.txt')).toBe(before);
    expect(repo.read('sub/b.txt')).toBe(before);
  }
}

const byAttributes = (text: string) => (repo: Repo) => {
  repo.write('.gitattributes', text);
  repo.commitAll('attributes');
};

const WAYS: Readonly<Record<string, readonly [set: (repo: Repo) => void, unset: (repo: Repo) => void]>> = {
  'attributes removed by a commit': [
    byAttributes('*.txt text eol=crlf\n'),
    (repo) => repo.git('rm', '-q', '.gitattributes') + repo.git('commit', '-qm', 'none'),
  ],
  'attributes removed, uncommitted': [
    byAttributes('*.txt text eol=crlf\n'),
    (repo) => fs.rmSync(repo.path('.gitattributes')),
  ],
  'attributes switched off': [
    byAttributes('*.txt text eol=crlf\n'),
    (repo) => repo.write('.gitattributes', '*.txt -text\n'),
  ],
  'attributes by a macro': [
    byAttributes('[attr]dos text eol=crlf\n*.txt dos\n'),
    (repo) => repo.write('.gitattributes', ''),
  ],
  'core.autocrlf switched off': [
    (repo) => void repo.git('config', 'core.autocrlf', 'true'),
    (repo) => void repo.git('config', 'core.autocrlf', 'false'),
  ],
  'info/attributes removed': [
    (repo) => repo.write('.git/info/attributes', '*.txt text eol=crlf\n'),
    (repo) => fs.rmSync(repo.path('.git/info/attributes')),
  ],
  'core.attributesFile unset': [
    (repo) => {
      repo.write('.git/mine', '*.txt text eol=crlf\n');
      repo.git('config', 'core.attributesFile', repo.path('.git/mine'));
    },
    (repo) => void repo.git('config', '--unset', 'core.attributesFile'),
  ],
  'attributes outside of a sparse checkout': [
    (repo) => {
      repo.write('.gitattributes', '*.txt text eol=crlf\n');
      repo.commitAll('attributes');
    },
    (repo) => {
      repo.git('update-index', '--skip-worktree', '.gitattributes');
      fs.rmSync(repo.path('.gitattributes'));
    },
  ],
};

test.each(Object.entries(WAYS))('a file with CRLF comes back with CRLF: %s', async (_, [set, unset]) => {
  const repo = withCrlf(set);
  unset(repo);
  await expectExact(repo);
});

test.each(Object.entries(WAYS))('a file with CRLF comes back after an earlier take: %s', async (_, [set, unset]) => {
  const repo = withCrlf(set);
  await AtomicSnapshot.take(repo.dir, 'earlier');
  unset(repo);
  await expectExact(repo);
});

test('a filter that keeps the size, and attributes that are gone', async () => {
  const repo = Repo.create();
  repo.git('config', 'filter.rot.clean', 'tr a-z n-za-m');
  repo.git('config', 'filter.rot.smudge', 'tr a-z n-za-m');
  repo.write('.gitattributes', '*.txt filter=rot\n');
  for (const name of ['a.txt', 'sub/b.txt', 'other.bin']) repo.write(name, 'secret\n');
  repo.commitAll('first');
  settle(repo);
  fs.rmSync(repo.path('.gitattributes'));
  await expectExact(repo);
});

test('proofs that another program wrote prove nothing', async () => {
  const repo = withCrlf(byAttributes('*.txt text eol=crlf\n'));
  await AtomicSnapshot.take(repo.dir, 'earlier');
  fs.rmSync(repo.path('.gitattributes'));
  const file = repo.path('.git/devs/proven-bytes');
  const bytes = fs.readFileSync(file);
  bytes[32]! = 0xff;
  fs.writeFileSync(file, bytes);
  await expectExact(repo);
});

test('proofs outlive a change of the index', async () => {
  const repo = withCrlf(byAttributes('*.txt text eol=crlf\n'));
  await AtomicSnapshot.take(repo.dir, 'earlier');
  repo.write('new.txt', 'new\n');
  repo.git('add', 'new.txt');
  fs.rmSync(repo.path('.gitattributes'));
  await expectExact(repo);
});

test('a missing blob of a file that nobody changed stops no take, and the file comes back', async () => {
  const repo = Repo.create();
  for (const name of ['a.txt', 'sub/b.txt', 'other.bin']) repo.write(name, `${name}\n`);
  repo.commitAll('first');
  settle(repo);
  const oid = repo.git('rev-parse', ':a.txt');
  fs.rmSync(repo.path(`.git/objects/${oid.slice(0, 2)}/${oid.slice(2)}`));
  const ref = await AtomicSnapshot.take(repo.dir, 'task');
  fs.rmSync(repo.path('a.txt'));
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(repo.read('a.txt')).toBe('a.txt\n');
});
