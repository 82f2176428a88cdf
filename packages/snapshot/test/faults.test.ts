import fs from 'node:fs';
import path from 'node:path';
import { fingerprint, Repo, temporaryDirectory } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { AtomicSnapshot, AtomicSnapshotError } from '../src/index.ts';
import { leftovers, leftoversInTheEnd } from './leftovers.ts';

/** Every how many operations a fault is tried; `DEVS_TEST_CRASH_STRIDE=1` tries them all. */
const STRIDE = Number(process.env.DEVS_TEST_CRASH_STRIDE ?? 9);

const WRITES = ['writeSync', 'renameSync', 'mkdirSync', 'symlinkSync', 'fsyncSync', 'appendFileSync'] as const;
const REMOVALS = ['unlinkSync', 'rmdirSync', 'rmSync', 'chmodSync', 'fchmodSync', 'utimesSync'] as const;
const READS = ['readSync', 'lstatSync', 'fstatSync', 'readlinkSync', 'readFileSync', 'readdirSync'] as const;
type Operation = 'openSync' | (typeof WRITES)[number] | (typeof REMOVALS)[number] | (typeof READS)[number];

/** Which operations an error of the kernel can come from. */
const FAULTS: Readonly<Record<string, readonly Operation[]>> = {
  ENOSPC: ['openSync', ...WRITES],
  EIO: ['openSync', ...WRITES, ...REMOVALS, ...READS],
  EACCES: ['openSync', 'renameSync', 'mkdirSync', 'symlinkSync', ...REMOVALS, 'readdirSync', 'readFileSync'],
  EMFILE: ['openSync', 'readdirSync', 'readFileSync', 'appendFileSync'],
};

/** Runs `work` while the `at`-th of these operations fails once; how it ended, and whether there were so many. */
async function withFault(code: string, at: number, work: () => Promise<unknown>) {
  let count = 0;
  const real = new Map<Operation, (...args: never[]) => unknown>();
  for (const name of FAULTS[code]!) {
    const original = fs[name] as (...args: unknown[]) => unknown;
    real.set(name, original);
    Object.assign(fs, {
      [name]: (...args: unknown[]) => {
        // Opening for reading needs no space.
        if (code === 'ENOSPC' && name === 'openSync' && !/[wa]/.test(String(args[1]))) return original(...args);
        if (++count === at) {
          const path = typeof args[0] === 'number' ? undefined : args[0];
          const message = `${code}: injected, ${name} '${String(args[0])}'`;
          throw Object.assign(new Error(message), { code, errno: -1, syscall: name, path });
        }
        return original(...args);
      },
    });
  }
  try {
    await work();
    return { error: null, reached: count >= at };
  } catch (error) {
    return { error, reached: true };
  } finally {
    for (const [name, original] of real) Object.assign(fs, { [name]: original });
  }
}

let template: string | undefined;

/** A copy of one repository with work in progress: quicker than making it anew for each fault. */
function repository(): Repo {
  template ??= Repo.withWork().dir;
  const repo = new Repo(path.join(temporaryDirectory(), 'repo'));
  fs.cpSync(template, repo.dir, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  return repo;
}

function wreck(repo: Repo): void {
  repo.git('checkout', '-q', '-b', 'elsewhere');
  fs.rmSync(repo.path('dir'), { recursive: true });
  repo.write('dir', 'a file now');
  repo.write('secret.txt', 'not for me alone');
  repo.commitAll('by the task');
  repo.git('branch', '-qf', 'main', 'HEAD');
}

async function assertSound(repo: Repo, error: unknown): Promise<void> {
  const why = String((error as Error | null)?.cause ?? error);
  expect(repo.git('fsck', '--no-dangling', '--no-progress')).toBe('');
  repo.git('log', '--all', '--oneline');
  // What could not even be removed is removed later, when surely nobody uses it any more.
  if (!why.includes('injected, unlinkSync')) expect(leftovers(repo), why).toEqual([]);
  expect(await leftoversInTheEnd(repo), why).toEqual([]);
}

function assertCoded(error: unknown): void {
  expect(error, (error as Error).stack).toBeInstanceOf(AtomicSnapshotError);
  expect((error as AtomicSnapshotError).code).toMatch(/^DEVS_[A-Z_]+$/);
}

describe.each(Object.keys(FAULTS))('%s at every step', (code) => {
  test('of a take: a coded error and no snapshot, or a whole one', { timeout: 600_000 }, async () => {
    for (let at = 1; ; at += STRIDE) {
      const repo = repository();
      const before = fingerprint(repo);
      const { error, reached } = await withFault(code, at, () => AtomicSnapshot.take(repo.dir, 't'));
      if (error !== null) {
        assertCoded(error);
        for (const ref of repo.refs()) repo.git('stash', 'show', '-u', ref);
      }
      expect(fingerprint(repo)).toEqual(before);
      await assertSound(repo, error);
      const ref = await AtomicSnapshot.take(repo.dir, 'again');
      wreck(repo);
      await AtomicSnapshot.restore(repo.dir, ref);
      expect(fingerprint(repo)).toEqual(before);
      if (!reached) break;
    }
  });

  test('of a restore: nothing is lost, and the next one brings it all back', { timeout: 600_000 }, async () => {
    for (let at = 1; ; at += STRIDE) {
      const repo = repository();
      const before = fingerprint(repo);
      const ref = await AtomicSnapshot.take(repo.dir, 't');
      wreck(repo);
      const wrecked = fingerprint(repo);
      const { error, reached } = await withFault(code, at, () => AtomicSnapshot.restore(repo.dir, ref));
      if (error !== null) assertCoded(error);
      const pending = AtomicSnapshot.hasPendingRestore(repo.dir);
      await AtomicSnapshot.recover(repo.dir);
      const untouched = !pending && JSON.stringify(fingerprint(repo)) === JSON.stringify(wrecked);
      if (untouched) await AtomicSnapshot.restore(repo.dir, ref);
      expect(fingerprint(repo)).toEqual(before);
      await assertSound(repo, error);
      const safety = (await AtomicSnapshot.list(repo.dir)).find(({ kind }) => kind === 'safety')!;
      await AtomicSnapshot.restore(repo.dir, safety.ref);
      expect(fingerprint(repo)).toEqual(wrecked);
      if (!reached) break;
    }
  });

  test('of a drop: the snapshot is there, or it is not', { timeout: 600_000 }, async () => {
    for (let at = 1; ; at++) {
      const repo = repository();
      const ref = await AtomicSnapshot.take(repo.dir, 't');
      repo.git('pack-refs', '--all');
      const { error, reached } = await withFault(code, at, () => AtomicSnapshot.drop(repo.dir, ref));
      if (error !== null) assertCoded(error);
      await assertSound(repo, error);
      if (repo.refs().length > 0) await AtomicSnapshot.drop(repo.dir, ref);
      expect(repo.refs()).toEqual([]);
      if (!reached) break;
    }
  });
});
