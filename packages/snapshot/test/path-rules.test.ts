// The names that no tree may hold: git itself is the judge.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { fingerprint, Repo } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { nameProblem, pathProblem } from '../src/base/path-rules.ts';
import { AtomicSnapshot, takeSnapshot } from '../src/index.ts';

const NAMES = [
  ...['a', '.gitignore', '.github', 'git', 'gitx', '.g', '..a', '...', 'a.', 'git~2', '.git~1', 'x.git', 'constructor'],
  ...['.', '..', '.git', '.GIT', '.Git', '.git ', '.git.', '.git. .', '.git...', 'git~1', 'GIT~1', 'git~1.', 'git~1 '],
  ...['.git::$INDEX_ALLOCATION', '.git:x', 'git~1:x', 'a:.git', 'a:.git\\x', '.git\\x', 'x\\.git', 'x\\git~1 \\y'],
  ...[
    '.g\u200cit',
    '\u200c.git',
    '.git\u200f',
    '.gi\ufefft',
    '.g\u202ait',
    '.gi\u206at',
    '.g\u200bit',
    '.gıt',
    '.git\u200cx',
  ],
  ...['.gitt', 'git~10', '.git~', '.git-x', '.git x', 'ａ.git', 'é', '.gité'],
];

function git(repo: Repo, name: string): boolean {
  const blob = repo.git('hash-object', '-w', '--stdin');
  const rules = ['-c', 'core.protectHFS=true', '-c', 'core.protectNTFS=true'];
  try {
    execFileSync('git', [...rules, 'update-index', '--add', '--cacheinfo', `100644,${blob},${name}`], {
      cwd: repo.dir,
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

describe('a name in a tree', () => {
  test('is refused exactly where git refuses it', () => {
    const repo = Repo.create();
    const bytes = (name: string) => Buffer.from(name).toString('latin1');
    const ours = NAMES.filter((name) => nameProblem(bytes(name)) === null);
    expect(ours).toEqual(NAMES.filter((name) => git(repo, name)));
    expect(ours.length).toBeGreaterThan(15);
  });

  test('is refused at any depth, and so are empty parts', () => {
    for (const path of ['a/../b', '../x', 'a/.git/hooks/x', '/a', 'a/', 'a//b', 'a\0b', 'git~1/x', '']) {
      expect(pathProblem(path), JSON.stringify(path)).not.toBeNull();
    }
    for (const path of ['a', 'a/b/.gitignore', 'a\\b', '-x', 'a\nb', 'constructor/toString']) {
      expect(pathProblem(path), path).toBeNull();
    }
  });
});

test('an untracked file that no tree may hold is left out, named, and survives a restore', async () => {
  const repo = Repo.create();
  for (const name of ['GIT~1', '.Git', 'd/.git ', 'e/git~1/inside']) repo.write(name, 'mine');
  repo.write('plain', 'plain');
  const before = fingerprint(repo);
  const { ref, skipped } = await takeSnapshot(repo.dir, 't');
  expect(skipped.map(({ path, reason }) => `${path}: ${reason}`).sort()).toEqual(
    ['.Git', 'GIT~1', 'd/.git ', 'e/git~1'].map((path) => `${path}: unsafe name`),
  );
  repo.write('plain', 'overwritten');
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
});

test('files and directories that are called like what every object has are taken, compared and restored', async () => {
  const repo = Repo.create();
  const names = ['constructor', 'toString', 'hasOwnProperty', '__proto__', 'valueOf'];
  for (const name of names) {
    repo.write(`tracked/${name}`, 'tracked');
    repo.write(`many/${name}/x`, 'tracked');
  }
  for (const name of names) repo.write(name, 'at the top');
  repo.commitAll('first');
  for (const name of names) {
    repo.write(`untracked/${name}`, 'untracked');
    fs.mkdirSync(repo.path(`empty/${name}`), { recursive: true });
    fs.chmodSync(repo.path(`tracked/${name}`), 0o600);
    fs.chmodSync(repo.path(`many/${name}`), 0o700);
  }
  fs.chmodSync(repo.path('__proto__'), 0o640);
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 'constructor', { trailers: { Note: '__proto__' } });
  for (const name of names) {
    fs.rmSync(repo.path(name));
    fs.rmSync(repo.path(`untracked/${name}`));
    fs.rmdirSync(repo.path(`empty/${name}`));
    fs.chmodSync(repo.path(`tracked/${name}`), 0o755);
    fs.chmodSync(repo.path(`many/${name}`), 0o755);
  }
  expect((await AtomicSnapshot.diff(repo.dir, ref)).map(({ path }) => path)).toContain('untracked/__proto__');
  expect((await AtomicSnapshot.verify(repo.dir, ref)).problems).toEqual([]);
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
});

describe('bits above 0777', () => {
  test('that are on disk and in the snapshot stay; a restore gives none and takes back those that came since', async () => {
    const repo = Repo.create();
    for (const name of ['stays', 'came', 'went']) repo.write(name, name);
    repo.write('dir/x', 'x');
    repo.commitAll('first');
    fs.chmodSync(repo.path('stays'), 0o4755);
    fs.chmodSync(repo.path('went'), 0o4755);
    fs.chmodSync(repo.path('dir'), 0o2750);
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    fs.chmodSync(repo.path('came'), 0o4755);
    fs.chmodSync(repo.path('went'), 0o755);
    fs.chmodSync(repo.path('dir'), 0o2755);
    await AtomicSnapshot.restore(repo.dir, ref);
    const mode = (name: string) => (fs.statSync(repo.path(name)).mode & 0o7777).toString(8);
    expect(['stays', 'came', 'went', 'dir'].map(mode)).toEqual(['4755', '644', '755', '2750']);
  });
});
