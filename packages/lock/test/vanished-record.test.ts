// A lock in the git directory decides; the record in the work tree may be stashed, cleaned or
// committed meanwhile.
import fs from 'node:fs';
import path from 'node:path';
import { Repo } from '@devs/test-kit';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type HeldStateLock, ownIdentity, StateLock, StateLockError } from '../src/index.ts';

let repo: Repo;
let decider: HeldStateLock;
let held: HeldStateLock;
const LOCK = '.devs-state.lock';
const record = () => JSON.parse(repo.read(LOCK));
const isBack = () => vi.waitFor(() => expect(record().id).toBe(held.id), { timeout: 2_000 });

beforeEach(async () => {
  repo = Repo.withWork();
  fs.mkdirSync(repo.path('.git/devs'));
  decider = await StateLock.acquire(repo.path('.git/devs'), 'x');
  held = await StateLock.acquire(repo.dir, 'x', { decidedBy: decider, heartbeatMs: 30 });
});
afterEach(async () => {
  await held.release();
  await decider.release();
});

const VANISHING: Readonly<Record<string, () => void>> = {
  'is deleted': () => fs.rmSync(repo.path(LOCK)),
  'is cleaned': () => repo.git('clean', '-fdxq'),
  'is stashed': () => repo.git('stash', '-u', '-q'),
  'is replaced by a copy of itself, as by a stash that is popped': () => {
    const text = repo.read(LOCK);
    fs.rmSync(repo.path(LOCK));
    repo.write(LOCK, text);
  },
  'is committed, and another branch is checked out': () => {
    repo.commitAll('with the record');
    // By force: the heartbeat has changed it.
    repo.git('checkout', '-q', '-f', '--detach', 'HEAD~1');
  },
  'is renamed, and the file is the user’s now': () => {
    fs.renameSync(repo.path(LOCK), repo.path('mine'));
    repo.write('mine', 'my text\n'.repeat(20));
  },
};

test.each(Object.keys(VANISHING))('a record that %s is put back, and ends no run', async (how) => {
  VANISHING[how]!();
  await isBack();
  const { timestamp } = record();
  if (!how.includes('copy')) await vi.waitFor(() => expect(record().timestamp > timestamp).toBe(true));
  held.assertHeld();
  expect(held.signal.aborted).toBe(false);
  expect(await StateLock.inspect(repo.dir)).toMatchObject({ state: 'held', lock: { id: held.id } });
  if (repo.exists('mine')) expect(repo.read('mine')).toBe('my text\n'.repeat(20));
  await held.release();
  expect(repo.exists(LOCK)).toBe(false);
});

test('a directory in its place is left alone, and ends nothing, not even the release', async () => {
  fs.rmSync(repo.path(LOCK));
  repo.write(`${LOCK}/keep`, 'mine');
  await new Promise((resolve) => setTimeout(resolve, 150));
  held.assertHeld();
  await held.release();
  expect(repo.read(`${LOCK}/keep`)).toBe('mine');
});

test('a dead process’s record that a checkout brought is left alone, too', async () => {
  const text = JSON.stringify({
    pid: 4_194_303,
    timestamp: new Date(0).toISOString(),
    task_id: 'committed',
    id: 'old',
  });
  fs.rmSync(repo.path(LOCK));
  repo.write(LOCK, text);
  await new Promise((resolve) => setTimeout(resolve, 150));
  held.assertHeld();
  await held.release();
  expect(repo.read(LOCK)).toBe(text);
});

test('a living process that took the lock ends the run: it may not know of the one that decides', async () => {
  fs.rmSync(repo.path(LOCK));
  const other = { ...ownIdentity(), timestamp: new Date().toISOString(), task_id: 'other', id: 'other' };
  repo.write(LOCK, JSON.stringify(other));
  await vi.waitFor(() => expect(held.signal.aborted).toBe(true));
  expect(() => held.assertHeld()).toThrow(StateLockError);
});

test('once the lock that decides is lost, this one is lost, too', async () => {
  fs.rmSync(path.join(decider.cwd, LOCK));
  await vi.waitFor(() => expect(held.signal.aborted).toBe(true));
  expect(record().id).toBe(held.id);
});

test('a record is never put back after the release', async () => {
  for (let i = 0; i < 20; i++) {
    fs.rmSync(repo.path(LOCK), { force: true });
    const released = held.release();
    await released;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(repo.exists(LOCK)).toBe(false);
    held = await StateLock.acquire(repo.dir, 'x', { decidedBy: decider, heartbeatMs: 1 });
    await new Promise((resolve) => setTimeout(resolve, i % 4));
  }
});
