// What a restore wrote goes when it is undone, whatever the ignore rules of the time before it say.
import fs from 'node:fs';
import { fingerprint, Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';

/** A repository with files that are tracked and ignored, and others beside them that are ignored alone. */
function withTrackedAndIgnored(): Repo {
  const repo = Repo.withWork();
  repo.write('.gitignore', '*.log\n/build/\n/out/\n');
  repo.write('t.log', 'tracked\n');
  repo.write('build/o.o', 'tracked\n');
  repo.write('out/only.o', 'tracked\n');
  repo.git('add', '-f', '.gitignore', 't.log', 'build', 'out');
  repo.git('commit', '-qm', 'tracked and ignored');
  repo.write('t.log', 'changed\n');
  repo.write('build/u.o', 'ignored alone\n');
  return repo;
}

test('undoing a restore removes the ignored files that the restore wrote, and no other', async () => {
  const repo = withTrackedAndIgnored();
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.git('rm', '-rqf', '--', 't.log', 'build/o.o', 'out');
  repo.write('v.log', 'ignored, and the user made it\n');
  const before = fingerprint(repo);
  const { safetyRef } = await AtomicSnapshot.restore(repo.dir, ref, { keep: true });
  expect(repo.read('t.log')).toBe('changed\n');
  expect(repo.read('out/only.o')).toBe('tracked\n');
  const undone = await AtomicSnapshot.restore(repo.dir, safetyRef!, { keep: true });
  expect(fingerprint(repo)).toEqual(before);
  expect(fs.existsSync(repo.path('out'))).toBe(false);
  expect(undone.spared).toEqual([]);
  expect(repo.read('build/u.o')).toBe('ignored alone\n');
  expect(repo.read('v.log')).toBe('ignored, and the user made it\n');
});

test('an ignored file that the user made where the restore wrote none stays', async () => {
  const repo = withTrackedAndIgnored();
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.git('rm', '-rqf', '--', 't.log');
  const { safetyRef } = await AtomicSnapshot.restore(repo.dir, ref, { keep: true });
  repo.write('w.log', 'newer than the restore\n');
  await AtomicSnapshot.restore(repo.dir, safetyRef!);
  expect(repo.read('w.log')).toBe('newer than the restore\n');
  expect(fs.existsSync(repo.path('t.log'))).toBe(false);
});
