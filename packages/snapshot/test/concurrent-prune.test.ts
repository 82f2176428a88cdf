// A git prune or gc that runs while a snapshot is written takes nothing of it.
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fingerprint, Repo } from '@devs/test-kit';
import { expect, onTestFinished, test, vi } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';
import { leftovers } from './leftovers.ts';

function bigger(files: number): Repo {
  const repo = Repo.withWork();
  for (let i = 0; i < files; i++) repo.write(`many/${i}.txt`, `${i} ${'x'.repeat(300)}\n`);
  return repo;
}

/** Calls `work` before the `n`-th rename of a file whose name matches. */
function beforeRename(pattern: RegExp, work: () => void, n = 1): void {
  const rename = fs.renameSync;
  let count = 0;
  const spy = vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
    if (pattern.test(String(to)) && ++count === n) work();
    rename(from, to);
  });
  onTestFinished(() => spy.mockRestore());
}

async function expectWhole(repo: Repo, ref: string): Promise<void> {
  const before = fingerprint(repo);
  expect(repo.git('fsck', '--no-dangling')).toBe('');
  repo.git('gc', '-q', '--prune=now');
  expect((await AtomicSnapshot.verify(repo.dir, ref)).problems).toEqual([]);
  fs.rmSync(repo.path('untracked.txt'));
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
  expect(leftovers(repo)).toEqual([]);
}

test.each([
  ['git prune', ['prune', '--expire=now']],
  ['git gc', ['gc', '-q', '--prune=now']],
])('%s before the pack has its name', async (_, words) => {
  const repo = bigger(20);
  beforeRename(/\.pack$/, () => repo.git(...words));
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  await expectWhole(repo, ref);
});

test.each([
  ['git prune', ['prune', '--expire=now']],
  ['git gc', ['gc', '-q', '--prune=now']],
])('%s before the ref leads to the pack', async (_, words) => {
  const repo = bigger(20);
  beforeRename(/refs\/devs\/snapshots\/|snapshots\/[^/]+$|^\/proc\/self\/fd\/\d+\/\d{8}-/, () => repo.git(...words));
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  await expectWhole(repo, ref);
});

test('git prune before the ref leads to loose objects', async () => {
  const repo = bigger(0);
  fs.writeFileSync(repo.path('large.bin'), Buffer.alloc(40 << 20, 'x'));
  let pruned = 0;
  beforeRename(/refs\/devs\/snapshots\/|^\/proc\/self\/fd\/\d+\/\d{8}-/, () => {
    pruned++;
    repo.git('prune', '--expire=now');
  });
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  expect(pruned).toBe(1);
  await expectWhole(repo, ref);
});

test('a git that prunes all the time takes nothing of a pack', async () => {
  const repo = bigger(10);
  const script = 'while [ ! -e stop ]; do git prune --expire=now; git gc -q --prune=now; done';
  const child: ChildProcess = spawn('sh', ['-c', script], { cwd: path.join(repo.dir, '.git'), stdio: 'ignore' });
  const refs: string[] = [];
  for (let i = 0; i < 8; i++) {
    // More objects than are written loose.
    for (let n = 0; n < 8; n++) repo.write(`changed${n}.txt`, `${i} ${n}\n`);
    try {
      refs.push(await AtomicSnapshot.take(repo.dir, 't'));
    } catch (error) {
      expect(error).toMatchObject({ code: 'DEVS_REPOSITORY_BUSY' });
    }
  }
  fs.writeFileSync(repo.path('.git/stop'), '');
  await new Promise((resolve) => child.once('exit', resolve));
  expect(repo.git('fsck', '--no-dangling')).toBe('');
  expect(refs.length).toBeGreaterThan(0);
  for (const ref of refs) expect((await AtomicSnapshot.verify(repo.dir, ref)).problems).toEqual([]);
});
