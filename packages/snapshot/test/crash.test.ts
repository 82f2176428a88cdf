import { spawn } from 'node:child_process';
import path from 'node:path';
import { fingerprint, Repo } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';
import { leftoversInTheEnd } from './leftovers.ts';

/** Every how many operations a kill is tried; `DEVS_TEST_CRASH_STRIDE=1` tries them all. */
const STRIDE = Number(process.env.DEVS_TEST_CRASH_STRIDE ?? 5);

/** Runs one call of the built package in a process that is killed before its n-th change of the disk. */
const CHILD = `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const [, dir, method, argument, at] = process.argv;
let count = 0;
const changes = ['openSync', 'writeSync', 'renameSync', 'unlinkSync', 'rmdirSync', 'mkdirSync', 'symlinkSync',
  'fchmodSync', 'chmodSync', 'fsyncSync', 'utimesSync', 'appendFileSync', 'rmSync'];
for (const name of changes) {
  const real = fs[name];
  fs[name] = (...args) => {
    if (name === 'openSync' && !String(args[1]).includes('w')) return real(...args);
    if (++count === Number(at)) process.kill(process.pid, 'SIGKILL');
    return real(...args);
  };
}
syncBuiltinESMExports();
const { AtomicSnapshot } = await import(${JSON.stringify(path.join(import.meta.dirname, '../dist/index.js'))});
await AtomicSnapshot[method](dir, argument);
`;

/** True where it was killed, false where it ended before the n-th change. */
async function killedAt(at: number, repo: Repo, method: string, argument: string): Promise<boolean> {
  const args = ['--input-type=module', '-e', CHILD, repo.dir, method, argument, String(at)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.once('exit', (...end) => resolve(end));
  });
  expect(signal === 'SIGKILL' || code === 0).toBe(true);
  return signal === 'SIGKILL';
}

function wreck(repo: Repo): void {
  repo.git('checkout', '-q', '-b', 'elsewhere');
  repo.git('rm', '-rqf', 'dir');
  repo.write('dir', 'a file now');
  repo.write('link2/made', 'by the task');
  repo.commitAll('by the task');
  repo.git('branch', '-qf', 'main', 'HEAD');
}

function assertSound(repo: Repo): void {
  expect(repo.git('fsck', '--no-dangling', '--no-progress')).toBe('');
  repo.git('log', '--all', '--oneline');
}

describe('kill -9 at every step', () => {
  test('of a restore: the next one finishes it, and nothing is lost', { timeout: 600_000 }, async () => {
    let cases = 0;
    for (let at = 1; ; at += STRIDE, cases++) {
      const repo = Repo.withWork();
      const before = fingerprint(repo);
      const ref = await AtomicSnapshot.take(repo.dir, 't');
      wreck(repo);
      const wrecked = fingerprint(repo);
      const killed = await killedAt(at, repo, 'restore', ref);
      assertSound(repo);
      const pending = AtomicSnapshot.hasPendingRestore(repo.dir);
      await AtomicSnapshot.recover(repo.dir);
      const untouched = !pending && JSON.stringify(fingerprint(repo)) === JSON.stringify(wrecked);
      // Killed before the journal: as if it had not been called, and it can be called again.
      if (untouched) await AtomicSnapshot.restore(repo.dir, ref);
      expect(fingerprint(repo)).toEqual(before);
      expect(AtomicSnapshot.hasPendingRestore(repo.dir)).toBe(false);
      for (const lock of ['index.lock', 'HEAD.lock', 'refs/heads/main.lock'])
        expect(repo.exists(`.git/${lock}`)).toBe(false);
      expect(await leftoversInTheEnd(repo)).toEqual([]);
      assertSound(repo);
      // What the task left is in the safety snapshot.
      const safety = (await AtomicSnapshot.list(repo.dir)).find(({ kind }) => kind === 'safety')!;
      await AtomicSnapshot.restore(repo.dir, safety.ref);
      expect(fingerprint(repo)).toEqual(wrecked);
      if (!killed) break;
    }
    expect(cases).toBeGreaterThan(60 / STRIDE);
  });

  test('of a take: no ref or a whole snapshot, and the repository is sound', { timeout: 600_000 }, async () => {
    for (let at = 1; ; at += STRIDE) {
      const repo = Repo.withWork();
      const before = fingerprint(repo);
      const killed = await killedAt(at, repo, 'take', 't');
      assertSound(repo);
      expect(await leftoversInTheEnd(repo)).toEqual([]);
      expect(fingerprint(repo)).toEqual(before);
      for (const { ref } of await AtomicSnapshot.list(repo.dir)) {
        wreck(repo);
        await AtomicSnapshot.restore(repo.dir, ref);
        expect(fingerprint(repo)).toEqual(before);
      }
      if (!killed) break;
    }
  });

  test('of a drop: the snapshot is there or it is not', { timeout: 600_000 }, async () => {
    for (let at = 1; ; at++) {
      const repo = Repo.withWork();
      const ref = await AtomicSnapshot.take(repo.dir, 't');
      repo.git('pack-refs', '--all');
      const killed = await killedAt(at, repo, 'drop', ref);
      assertSound(repo);
      for (const info of await AtomicSnapshot.list(repo.dir)) await AtomicSnapshot.show(repo.dir, info.ref);
      expect(await leftoversInTheEnd(repo)).toEqual([]);
      for (const info of await AtomicSnapshot.list(repo.dir)) await AtomicSnapshot.drop(repo.dir, info.ref);
      repo.git('pack-refs', '--all');
      if (!killed) break;
    }
  });
});
