// What a restore does with branches: moved back exactly, or refused and left alone.
import fs from 'node:fs';
import { fingerprint, Repo, temporaryDirectory } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';

function committed(): Repo {
  const repo = Repo.create();
  repo.write('a.txt', 'a\n');
  repo.commitAll('first');
  return repo;
}

const allRefs = (repo: Repo) => repo.git('for-each-ref', '--format=%(refname) %(objectname) %(symref)', 'refs/heads');
const state = (repo: Repo) => [allRefs(repo), repo.git('symbolic-ref', '-q', 'HEAD'), fingerprint(repo)];

/** Restores the state before `task` and undoes the restore: both must be exact. */
async function expectThereAndBack(repo: Repo, task: () => void): Promise<void> {
  const before = state(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 'task');
  task();
  const left = state(repo);
  const after = await AtomicSnapshot.take(repo.dir, 'task', { kind: 'after', since: ref });
  const report = await AtomicSnapshot.restore(repo.dir, ref, { after, keep: true });
  // A new branch that is not in the way is the user's to keep or delete.
  for (const { ref: moved, before: was } of report.moved) if (was === null) repo.git('update-ref', '-d', moved);
  expect(state(repo)).toEqual(before);
  for (const { ref: moved, now } of report.moved) if (now !== null) repo.git('update-ref', moved, now);
  expect(repo.git('fsck', '--strict')).toBe('');
  await AtomicSnapshot.restore(repo.dir, report.safetyRef!, { after: report.oid });
  expect(state(repo)).toEqual(left);
}

test('a branch that became a folder of branches', async () => {
  const repo = committed();
  repo.git('switch', '-qc', 'topic');
  await expectThereAndBack(repo, () => {
    // Git refuses `branch -m topic topic/one` in one step on some versions.
    repo.git('branch', '-m', 'topic', 'other');
    repo.git('branch', '-m', 'other', 'topic/one');
  });
});

test('a folder of branches that became a branch, packed', async () => {
  const repo = committed();
  repo.git('switch', '-qc', 'topic/one');
  await expectThereAndBack(repo, () => {
    repo.git('branch', '-m', 'topic/one', 'other');
    repo.git('branch', '-m', 'other', 'topic');
    repo.git('pack-refs', '--all');
  });
});

test('a commit on one branch, then a switch to another', async () => {
  const repo = committed();
  await expectThereAndBack(repo, () => {
    repo.write('a.txt', 'changed\n');
    repo.commitAll('second');
    repo.git('switch', '-qc', 'other');
  });
});

test('a branch that is a symbolic ref', async () => {
  const repo = committed();
  repo.git('symbolic-ref', 'refs/heads/alias', 'refs/heads/main');
  repo.git('symbolic-ref', 'HEAD', 'refs/heads/alias');
  await expectThereAndBack(repo, () => {
    repo.write('a.txt', 'changed\n');
    repo.git('commit', '-qam', 'second');
  });
});

test('a symbolic branch that the task made a branch of its own', async () => {
  const repo = committed();
  repo.git('symbolic-ref', 'refs/heads/alias', 'refs/heads/main');
  repo.git('symbolic-ref', 'HEAD', 'refs/heads/alias');
  const before = state(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 'task');
  repo.git('symbolic-ref', '--delete', 'refs/heads/alias');
  repo.git('update-ref', 'refs/heads/alias', 'refs/heads/main');
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(state(repo)).toEqual(before);
});

test('a bisect in progress, with its refs', async () => {
  const repo = committed();
  for (const n of [2, 3, 4, 5]) {
    repo.write('a.txt', `${n}\n`);
    repo.commitAll(`commit ${n}`);
  }
  repo.git('bisect', 'start', 'HEAD', 'HEAD~4');
  const refs = () => repo.git('for-each-ref', 'refs/bisect');
  const before = [refs(), repo.git('bisect', 'log'), fingerprint(repo)];
  const ref = await AtomicSnapshot.take(repo.dir, 'task');
  repo.git('bisect', 'reset');
  await AtomicSnapshot.restore(repo.dir, ref);
  expect([refs(), repo.git('bisect', 'log'), fingerprint(repo)]).toEqual(before);
  expect(repo.git('bisect', 'good')).toContain('Bisecting');
});

test('a branch that another work tree has checked out is not moved under it', async () => {
  const repo = committed();
  const ref = await AtomicSnapshot.take(repo.dir, 'task');
  repo.git('switch', '-qc', 'mine');
  repo.write('a.txt', 'changed\n');
  repo.commitAll('on mine');
  const after = await AtomicSnapshot.take(repo.dir, 'task', { kind: 'after', since: ref });
  const other = `${temporaryDirectory()}/other`;
  repo.git('worktree', 'add', '-q', other, 'main');
  new Repo(other).write('b.txt', 'b\n');
  new Repo(other).commitAll('made there, after the run');
  const before = state(repo);
  await expect(AtomicSnapshot.restore(repo.dir, ref, { after })).rejects.toMatchObject({
    code: 'DEVS_BRANCH_CHECKED_OUT',
  });
  expect(state(repo)).toEqual(before);
});

test('a branch that moved after the run, while HEAD stood elsewhere, is not moved back', async () => {
  const repo = committed();
  const ref = await AtomicSnapshot.take(repo.dir, 'task');
  repo.git('switch', '-qc', 'mine');
  const after = await AtomicSnapshot.take(repo.dir, 'task', { kind: 'after', since: ref });
  const newer = repo.git('commit-tree', '-m', 'newer', '-p', 'main', 'main^{tree}');
  repo.git('update-ref', 'refs/heads/main', newer);
  const before = state(repo);
  await expect(AtomicSnapshot.restore(repo.dir, ref, { after })).rejects.toMatchObject({ code: 'DEVS_HEAD_MOVED' });
  expect(state(repo)).toEqual(before);
  const { safetyRef } = await AtomicSnapshot.restore(repo.dir, ref, { keep: true });
  expect(repo.git('rev-parse', 'main')).not.toBe(newer);
  await AtomicSnapshot.restore(repo.dir, safetyRef!);
  expect(repo.git('rev-parse', 'main')).toBe(newer);
});

test('the old form of HEAD, a symbolic link, is read', async () => {
  const repo = committed();
  fs.rmSync(repo.path('.git/HEAD'));
  fs.symlinkSync('refs/heads/main', repo.path('.git/HEAD'));
  const ref = await AtomicSnapshot.take(repo.dir, 'task');
  repo.write('a.txt', 'changed\n');
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(repo.read('a.txt')).toBe('a\n');
  expect(repo.git('symbolic-ref', 'HEAD')).toBe('refs/heads/main');
});
