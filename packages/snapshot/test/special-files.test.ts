// Fifos and sockets hold no bytes: one in the way of a file is removed, and none is ever opened.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { fingerprint, Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';

function makeFifo(repo: Repo, name: string): void {
  fs.rmSync(repo.path(name), { recursive: true, force: true });
  execFileSync('mkfifo', [repo.path(name)]);
}

test.each(['a.txt', 'dir/c.txt', 'untracked.txt', 'dir', 'new dir', 'link', 'empty', 'made'])(
  'a fifo that the task made at %s goes without --force',
  async (name) => {
    const repo = Repo.withWork();
    const before = fingerprint(repo);
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    makeFifo(repo, name);
    const after = await AtomicSnapshot.take(repo.dir, 't', { since: ref });
    const report = await AtomicSnapshot.restore(repo.dir, ref, { after });
    expect(fingerprint(repo)).toEqual(before);
    expect(report.deleted).toContain(name);
    expect(report.lacks).toEqual([{ what: name, why: 'it was a fifo, a socket or a device, which holds no bytes' }]);
  },
);

test('one that came after the run is in the way: refused, and gone with --force', async () => {
  const repo = Repo.withWork();
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  const after = await AtomicSnapshot.take(repo.dir, 't', { since: ref });
  makeFifo(repo, 'a.txt');
  await expect(AtomicSnapshot.restore(repo.dir, ref, { after })).rejects.toMatchObject({
    code: 'DEVS_CHANGED_SINCE',
    data: { files: ['a.txt'] },
  });
  expect(fs.lstatSync(repo.path('a.txt')).isFIFO()).toBe(true);
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
});

test('one that came after the run and is in nobody’s way stays without --force', async () => {
  const repo = Repo.withWork();
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.write('a.txt', 'by the task\n');
  const after = await AtomicSnapshot.take(repo.dir, 't', { since: ref });
  makeFifo(repo, 'server.sock');
  await AtomicSnapshot.restore(repo.dir, ref, { after });
  expect(repo.exists('server.sock')).toBe(true);
});

test('one that was there before stays', async () => {
  const repo = Repo.withWork();
  makeFifo(repo, 'pipe');
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.write('a.txt', 'by the task\n');
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
});
