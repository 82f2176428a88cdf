// What is called `.git` below the top: a repository where git says so, and nothing in the way elsewhere.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { fingerprint, Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';
import { status } from './hazard.ts';

const BOGUS: Readonly<Record<string, (dotGit: string) => void>> = {
  'an empty directory': (dotGit) => fs.mkdirSync(dotGit),
  'a directory with files': (dotGit) => {
    fs.mkdirSync(dotGit);
    fs.writeFileSync(`${dotGit}/HEAD`, 'garbage\n');
  },
  'a dangling file': (dotGit) => fs.writeFileSync(dotGit, 'gitdir: /nowhere/at/all\n'),
  'a file that leads to a plain file': (dotGit) => fs.writeFileSync(dotGit, 'gitdir: ../a.txt\n'),
  'an empty file': (dotGit) => fs.writeFileSync(dotGit, ''),
  'a file with garbage': (dotGit) => fs.writeFileSync(dotGit, 'garbage\n'),
  'a pipe': (dotGit) => execFileSync('mkfifo', [dotGit]),
  'a dangling link': (dotGit) => fs.symlinkSync('/nowhere/at/all', dotGit),
  'a link to itself': (dotGit) => fs.symlinkSync('.git', dotGit),
};

test.each(Object.entries(BOGUS))('a .git that is no repository hides no file: %s', async (_, make) => {
  const repo = Repo.withWork();
  repo.write('notes/n.txt', 'exists nowhere else\n');
  repo.write('notes/deep/m.txt', 'nor does this\n');
  make(repo.path('notes/.git'));
  expect(status(repo)).toContain('? notes/deep/m.txt');
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  expect((await AtomicSnapshot.show(repo.dir, ref)).skipped).toEqual([{ path: 'notes/.git', reason: 'unsafe name' }]);
  fs.rmSync(repo.path('notes/n.txt'));
  fs.rmSync(repo.path('notes/deep'), { recursive: true });
  const report = await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
  expect(report.leftAlone).toEqual([]);
});

test.each(Object.entries(BOGUS))(
  'one that the task made goes, and is kept in the git directory: %s',
  async (_, make) => {
    const repo = Repo.withWork();
    const before = fingerprint(repo);
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    for (const dir of ['made', 'dir', 'new dir', 'empty']) {
      fs.mkdirSync(repo.path(dir), { recursive: true });
      make(repo.path(`${dir}/.git`));
    }
    repo.write('made/by task.txt', 'x');
    const after = await AtomicSnapshot.take(repo.dir, 't', { since: ref });
    const report = await AtomicSnapshot.restore(repo.dir, ref, { after });
    expect(fingerprint(repo)).toEqual(before);
    expect(report.leftAlone.map(({ kind, name }) => `${kind} ${name}`)).toEqual(
      ['dir', 'empty', 'made', 'new dir'].map((dir) => `set aside ${dir}/.git`),
    );
    for (const { now } of report.leftAlone) expect(fs.lstatSync(now!, { throwIfNoEntry: false })).toBeDefined();
  },
);

test.each(Object.entries(BOGUS))('undoing the restore that set it aside brings it back: %s', async (_, make) => {
  const repo = Repo.withWork();
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  for (const dir of ['dir', 'new dir', 'empty', 'made/deep']) {
    fs.mkdirSync(repo.path(dir), { recursive: true });
    make(repo.path(`${dir}/.git`));
  }
  const before = fingerprint(repo);
  const dotGits = () => ['dir', 'new dir', 'empty', 'made/deep'].map((dir) => kindAndBytes(repo.path(`${dir}/.git`)));
  const made = dotGits();
  expect(made).not.toContain(null);
  const { safetyRef } = await AtomicSnapshot.restore(repo.dir, ref, { keep: true });
  expect(dotGits()).toEqual([null, null, null, null]);
  const undone = await AtomicSnapshot.restore(repo.dir, safetyRef!, { keep: true });
  expect(dotGits()).toEqual(made);
  expect(fingerprint(repo)).toEqual(before);
  const again = await AtomicSnapshot.restore(repo.dir, undone.safetyRef!, { keep: true });
  expect(dotGits()).toEqual([null, null, null, null]);
  await AtomicSnapshot.restore(repo.dir, again.safetyRef!);
  expect(dotGits()).toEqual(made);
});

function kindAndBytes(file: string): string | null {
  const stat = fs.lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return null;
  if (stat.isSymbolicLink()) return `link to ${fs.readlinkSync(file)}`;
  return stat.isFile() ? fs.readFileSync(file, 'utf8') : `${stat.mode}`;
}

test('a .git that the user made since the run stays without --force', async () => {
  const repo = Repo.withWork();
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  const after = await AtomicSnapshot.take(repo.dir, 't', { since: ref });
  repo.write('new dir/.git', 'mine\n');
  await AtomicSnapshot.restore(repo.dir, ref, { after, keep: true });
  expect(repo.read('new dir/.git')).toBe('mine\n');
  const report = await AtomicSnapshot.restore(repo.dir, ref);
  expect(fs.readFileSync(report.leftAlone[0]!.now!, 'utf8')).toBe('mine\n');
  const [program, ...words] = report.leftAlone[0]!.wayBack!;
  execFileSync(program, words, { cwd: repo.dir });
  expect(repo.read('new dir/.git')).toBe('mine\n');
});

test.each(['dir', 'new dir', 'empty'])('a repository that the task made in %s takes no file away', async (dir) => {
  const repo = Repo.withWork();
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.git('init', '-q', dir);
  for (const name of fs.readdirSync(repo.path(dir))) if (name !== '.git') fs.rmSync(repo.path(`${dir}/${name}`));
  repo.write(`${dir}/made.txt`, 'by the task\n');
  const after = await AtomicSnapshot.take(repo.dir, 't', { since: ref });
  expect((await AtomicSnapshot.diff(repo.dir, ref, after)).map(({ path }) => path)).toContain(`${dir}/made.txt`);
  const { leftAlone, safetyRef } = await AtomicSnapshot.restore(repo.dir, ref, { after });
  expect(fingerprint(repo)).toEqual(before);
  expect(leftAlone).toMatchObject([{ kind: 'set aside', name: `${dir}/.git` }]);
  await AtomicSnapshot.restore(repo.dir, safetyRef!);
  expect(repo.read(`${dir}/made.txt`)).toBe('by the task\n');
});

test('a repository with a commit that the task made stays without --force; the files come back', async () => {
  const repo = Repo.withWork();
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.git('init', '-q', 'new dir');
  const inner = new Repo(repo.path('new dir'));
  inner.commitAll('inner');
  const commit = inner.git('rev-parse', 'HEAD');
  for (const name of fs.readdirSync(inner.dir)) if (name !== '.git') fs.rmSync(inner.path(name));
  const after = await AtomicSnapshot.take(repo.dir, 't', { since: ref });
  const report = await AtomicSnapshot.restore(repo.dir, ref, { after, keep: true });
  expect(report.leftAlone).toMatchObject([{ kind: 'repository', name: 'new dir', before: null }]);
  expect(inner.git('rev-parse', 'HEAD')).toBe(commit);
  expect(inner.git('status', '--porcelain')).toBe('');
  const forced = await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
  expect(forced.leftAlone).toMatchObject([{ kind: 'set aside', name: 'new dir/.git' }]);
  expect(repo.git('--git-dir', forced.leftAlone[0]!.now!, 'rev-parse', 'HEAD')).toBe(commit);
});

test('untracked files beside tracked ones are captured in a repository inside, as git lists them', async () => {
  const repo = Repo.withWork();
  repo.git('init', '-q', 'dir');
  repo.write('dir/n.txt', 'exists nowhere else\n');
  expect(status(repo)).toContain('? dir/n.txt');
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  const before = fingerprint(repo);
  fs.rmSync(repo.path('dir/n.txt'));
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
});
