import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isRoot, NOBODY, temporaryDirectory } from '@devs/test-kit';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type LockData, ownIdentity, StateLock, StateLockConflictError, StateLockError } from '../src/index.ts';
import { checkType } from '../src/lock/check-directory.ts';

let dir: string;
const lockFile = () => path.join(dir, '.devs-state.lock');
const record = (): LockData => JSON.parse(fs.readFileSync(lockFile(), 'utf8'));
const plant = (value: object) => fs.writeFileSync(lockFile(), JSON.stringify(value));
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
const MINUTE = 60_000;

/** The pid of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => child.once('exit', resolve));
  return child.pid!;
}

beforeEach(() => {
  dir = temporaryDirectory();
});
afterEach(async () => {
  if (fs.existsSync(dir)) await StateLock.release(dir).catch(() => {});
});

describe('acquire', () => {
  test('writes a record with pid, timestamp and task_id', async () => {
    const before = Date.now();
    await StateLock.acquire(dir, 'fmt');
    const { pid, timestamp, task_id, hostname, id } = record();
    expect(pid).toBe(process.pid);
    expect(task_id).toBe('fmt');
    expect(Date.parse(timestamp)).toBeGreaterThanOrEqual(before);
    expect(new Date(timestamp).toISOString()).toBe(timestamp);
    expect(hostname).toBe(os.hostname());
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(fs.readdirSync(dir)).toEqual(['.devs-state.lock']);
  });

  test('a second acquire throws StateLockConflictError with the holder', async () => {
    await StateLock.acquire(dir, 'first');
    const error = await StateLock.acquire(dir, 'second').catch((e: unknown) => e);
    expect(error).toBeInstanceOf(StateLockConflictError);
    const conflict = error as StateLockConflictError;
    expect(conflict.name).toBe('StateLockConflictError');
    expect(conflict.code).toBe('DEVS_LOCK_HELD');
    expect(conflict.lockData).toMatchObject({ pid: process.pid, task_id: 'first' });
    expect(conflict.message).toContain(String(process.pid));
    expect(conflict.message).toContain('first');
    expect(record().task_id).toBe('first');
  });

  test('a dead holder is taken over at once, whatever its age', async () => {
    plant({ ...ownIdentity(), pid: await deadPid(), timestamp: ago(0), task_id: 'old', id: 'aaaa' });
    const takeovers: unknown[] = [];
    await StateLock.acquire(dir, 'new', { onTakeover: (takeover) => takeovers.push(takeover) });
    expect(takeovers).toMatchObject([{ state: 'dead', previous: { task_id: 'old' } }]);
    expect(record().task_id).toBe('new');
    expect(fs.readdirSync(dir)).toEqual(['.devs-state.lock']);
  });

  test('a reused pid is a dead holder', async () => {
    plant({ ...ownIdentity(), process_started_at: '1', timestamp: ago(0), task_id: 'old', id: 'aaaa' });
    expect(await StateLock.inspect(dir)).toMatchObject({
      state: 'dead',
      evidence: expect.stringContaining('another process'),
    });
    await StateLock.acquire(dir, 'new');
  });

  test('a living holder is never taken over, at any age', async () => {
    plant({ ...ownIdentity(), timestamp: ago(24 * 60 * MINUTE), task_id: 'slow', id: 'aaaa' });
    await expect(StateLock.acquire(dir, 'new')).rejects.toThrow(StateLockConflictError);
    expect(await StateLock.releaseStale(dir, 5 * MINUTE)).toBeNull();
    expect(record().task_id).toBe('slow');
  });

  test('in a directory that does not exist', async () => {
    await expect(StateLock.acquire(path.join(dir, 'none'), 't')).rejects.toMatchObject({
      code: 'DEVS_LOCK_NO_DIRECTORY',
    });
  });

  test('of many processes at once, one gets it', async () => {
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => StateLock.acquire(dir, `t${i}`)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('release', () => {
  test('removes the lock and leaves nothing behind', async () => {
    await StateLock.acquire(dir, 't');
    await StateLock.release(dir);
    expect(fs.readdirSync(dir)).toEqual([]);
  });

  test('without a lock does nothing', async () => {
    await StateLock.release(dir);
    await StateLock.release(dir);
  });

  test("another holder's lock is not released", async () => {
    plant({ pid: 1, timestamp: ago(0), task_id: 'theirs' });
    await expect(StateLock.release(dir)).rejects.toThrow(StateLockConflictError);
    expect(record().task_id).toBe('theirs');
  });

  test('twice does nothing the second time, and not to a successor', async () => {
    const first = await StateLock.acquire(dir, 'first');
    await first.release();
    await StateLock.acquire(dir, 'second');
    await first.release();
    expect(record().task_id).toBe('second');
  });

  test('await using releases', async () => {
    {
      await using held = await StateLock.acquire(dir, 't');
      held.assertHeld();
    }
    expect(fs.existsSync(lockFile())).toBe(false);
  });
});

describe('isStale goes by the timestamp alone', () => {
  test.each([
    ['no lock', null, false],
    ['younger', 4 * MINUTE, false],
    ['older', 6 * MINUTE, true],
  ])('%s', async (_, age, expected) => {
    if (age !== null) plant({ ...ownIdentity(), timestamp: ago(age), task_id: 't' });
    expect(await StateLock.isStale(dir, 5 * MINUTE)).toBe(expected);
  });
});

describe('the startup rule: releaseStale', () => {
  test('a bare three-field record, six minutes old, is released and reported', async () => {
    plant({ pid: 4711, timestamp: ago(6 * MINUTE), task_id: 'old' });
    const takeover = await StateLock.releaseStale(dir, 5 * MINUTE);
    expect(takeover).toMatchObject({ state: 'unknown', previous: { pid: 4711, task_id: 'old' } });
    expect(takeover!.ageMs).toBeGreaterThan(5 * MINUTE);
    expect(fs.readdirSync(dir)).toEqual([]);
  });

  test('a bare three-field record, four minutes old, is not', async () => {
    plant({ pid: 4711, timestamp: ago(4 * MINUTE), task_id: 'young' });
    expect(await StateLock.releaseStale(dir, 5 * MINUTE)).toBeNull();
    expect(record().task_id).toBe('young');
  });

  test('a holder in another pid namespace or boot is unknown', async () => {
    const self = { ...ownIdentity(), timestamp: ago(0), task_id: 't', id: 'aaaa' };
    plant({ ...self, pid_ns: 'pid:[1]' });
    expect(await StateLock.inspect(dir)).toMatchObject({
      state: 'unknown',
      evidence: expect.stringContaining('pid namespace'),
    });
    plant({ ...self, boot_id: 'elsewhere' });
    expect(await StateLock.inspect(dir)).toMatchObject({ state: 'unknown', evidence: expect.stringContaining('boot') });
  });

  test('an empty file is a record being written while young, and unknown later', async () => {
    fs.writeFileSync(lockFile(), '');
    await expect(StateLock.acquire(dir, 't')).rejects.toThrow(/being written/);
    const old = new Date(Date.now() - 6 * MINUTE);
    fs.utimesSync(lockFile(), old, old);
    expect(await StateLock.releaseStale(dir, 5 * MINUTE)).toMatchObject({ state: 'unknown' });
  });
});

describe('heartbeat', () => {
  const afterBeats = async (work: () => void) => {
    await StateLock.acquire(dir, 't', { heartbeatMs: 20 });
    // The worker has to start first: wait for the first beat, then do the work.
    const first = record().timestamp;
    while (record().timestamp === first) await new Promise((resolve) => setTimeout(resolve, 5));
    const before = Date.now();
    work();
    return { before, after: record() };
  };

  test('goes on while the event loop is blocked', async () => {
    const { before, after } = await afterBeats(() => {
      const end = Date.now() + 2_000;
      while (Date.now() < end && Date.parse(record().timestamp) < end - 1_500);
    });
    expect(Date.parse(after.timestamp)).toBeGreaterThan(before);
    expect(after.task_id).toBe('t');
  });

  test("never touches a successor's record", async () => {
    const held = await StateLock.acquire(dir, 'first', { heartbeatMs: 10 });
    fs.rmSync(lockFile());
    plant({ pid: 1, timestamp: ago(MINUTE), task_id: 'successor' });
    const planted = fs.readFileSync(lockFile(), 'utf8');
    await new Promise<void>((resolve) => held.signal.addEventListener('abort', () => resolve()));
    await held.release();
    expect(fs.readFileSync(lockFile(), 'utf8')).toBe(planted);
  });
});

test('a lock beats at its own pace, not at that of the one before it in this process', async () => {
  const slow = await StateLock.acquire(dir, 'slow', { heartbeatMs: 3_600_000 });
  await slow.release();
  await StateLock.acquire(dir, 'fast', { heartbeatMs: 10 });
  const { timestamp } = record();
  await vi.waitFor(() => expect(record().timestamp).not.toBe(timestamp), 10_000);
});

describe('a clock step releases nothing: silence is what this process saw', () => {
  const holder = (timestamp: string) => ({
    pid: 4711,
    timestamp,
    task_id: 'elsewhere',
    id: 'aaaa',
    boot_id: 'elsewhere',
    pid_ns: 'elsewhere',
    heartbeat_ms: 100,
  });

  test('a record that looks ten minutes old keeps its lock while its heartbeat moves', async () => {
    plant(holder(ago(10 * MINUTE)));
    const beats = setInterval(() => plant(holder(ago(10 * MINUTE))), 20);
    try {
      await expect(StateLock.acquire(dir, 't')).rejects.toThrow(StateLockConflictError);
      expect(await StateLock.releaseStale(dir)).toBeNull();
    } finally {
      clearInterval(beats);
    }
  });

  test('and loses it once three beats were missed', async () => {
    plant(holder(ago(10 * MINUTE)));
    const started = performance.now();
    await StateLock.acquire(dir, 't');
    expect(performance.now() - started).toBeGreaterThanOrEqual(300);
  });

  test('a holder whose clock is ahead loses it after maxAgeMs of watching', async () => {
    plant(holder(new Date(Date.now() + 60 * MINUTE).toISOString()));
    await expect(StateLock.acquire(dir, 't', { maxAgeMs: 200 })).rejects.toThrow(StateLockConflictError);
    await StateLock.acquire(dir, 't', { maxAgeMs: 200, wait: 10_000 });
  });
});

describe('an objection', () => {
  test('keeps a dead holder in its place, and is the evidence', async () => {
    plant({ ...ownIdentity(), process_started_at: '1', timestamp: ago(0), task_id: 'old', id: 'aaaa' });
    const objection = ({ task_id }: LockData) => `${task_id} left a process`;
    expect(await StateLock.releaseStale(dir, undefined, { objection })).toBeNull();
    await expect(StateLock.acquire(dir, 't', { objection })).rejects.toThrow(/another process, but old left a process/);
    expect(record().task_id).toBe('old');
    await StateLock.acquire(dir, 't', { objection: () => null });
  });
});

describe('without hard links', () => {
  test('the record is created in place, one holder at a time, and nothing is left behind', async () => {
    const link = vi.spyOn(fs, 'linkSync').mockImplementation(() => {
      throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
    });
    try {
      const results = await Promise.allSettled(Array.from({ length: 5 }, (_, i) => StateLock.acquire(dir, `t${i}`)));
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      await StateLock.release(dir);
      expect(fs.readdirSync(dir)).toEqual([]);
    } finally {
      link.mockRestore();
    }
  });
});

test('the file system of a directory is judged by what it is', () => {
  expect(StateLock.checkDirectory(dir)).toEqual({ safe: true, fileSystem: null });
  expect(checkType(0x6969)).toEqual({ safe: false, fileSystem: 'NFS' });
  // CIFS, as a signed number.
  expect(checkType(-11317950)).toEqual({ safe: false, fileSystem: 'CIFS' });
});

describe('losing the lock', () => {
  test('aborts the signal and fails assertHeld', async () => {
    const held = await StateLock.acquire(dir, 't', { heartbeatMs: 10 });
    held.assertHeld();
    fs.rmSync(lockFile());
    expect(() => held.assertHeld()).toThrow(StateLockError);
    expect(held.signal.aborted).toBe(true);
    expect(held.signal.reason).toMatchObject({ code: 'DEVS_LOCK_LOST' });
    await held.release();
  });
});

describe('unlock', () => {
  test('needs the exact id', async () => {
    plant({ ...ownIdentity(), pid: await deadPid(), timestamp: ago(0), task_id: 'old', id: 'aaaa' });
    await expect(StateLock.unlock(dir, 'bbbb')).rejects.toMatchObject({ code: 'DEVS_LOCK_ID_MISMATCH' });
    await StateLock.unlock(dir, 'aaaa');
    expect(fs.readdirSync(dir)).toEqual([]);
  });

  test("a living holder's needs force", async () => {
    const held = await StateLock.acquire(dir, 't');
    await expect(StateLock.unlock(dir, held.id)).rejects.toThrow(StateLockConflictError);
    await StateLock.unlock(dir, held.id, { force: true });
    expect(() => held.assertHeld()).toThrow(/removed/);
  });
});

describe('waiting', () => {
  test('gets the lock when it is released, after saying who holds it', async () => {
    const first = await StateLock.acquire(dir, 'first');
    const holders: LockData[] = [];
    const onWait = (holder: LockData) => {
      holders.push(holder);
      void first.release();
    };
    const second = await StateLock.acquire(dir, 'second', { wait: Number.POSITIVE_INFINITY, onWait });
    expect(holders).toMatchObject([{ task_id: 'first' }]);
    expect(record().task_id).toBe('second');
    await second.release();
  });

  test('ends with the conflict when the time is up, and with the reason when it is cancelled', async () => {
    await StateLock.acquire(dir, 'first');
    await expect(StateLock.acquire(dir, 'second', { wait: 30 })).rejects.toThrow(StateLockConflictError);
    const cancel = new AbortController();
    const waiting = StateLock.acquire(dir, 'second', { wait: Number.POSITIVE_INFINITY, signal: cancel.signal });
    cancel.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});

describe("what is not a lock at the lock's path is left alone", () => {
  test.each([
    ['directory', () => fs.mkdirSync(lockFile())],
    ['symbolic link', () => fs.symlinkSync('elsewhere', lockFile())],
    ['huge file', () => fs.writeFileSync(lockFile(), 'x'.repeat(100_000))],
    ['fifo', () => execFileSync('mkfifo', [lockFile()])],
    ['binary file', () => fs.writeFileSync(lockFile(), Buffer.from([0, 255, 254]))],
  ])('%s', async (_, make) => {
    make();
    await expect(StateLock.acquire(dir, 't')).rejects.toMatchObject({ code: 'DEVS_LOCK_NOT_A_LOCK' });
    await expect(StateLock.releaseStale(dir, 0)).rejects.toMatchObject({ code: 'DEVS_LOCK_NOT_A_LOCK' });
    expect(fs.lstatSync(lockFile())).toBeDefined();
    fs.rmSync(lockFile(), { recursive: true });
  });
});

test.runIf(isRoot())('an unwritable directory is a coded error', async () => {
  fs.chmodSync(dir, 0o755);
  const script = `import('${import.meta.dirname}/../dist/index.js').then(({ StateLock }) => StateLock.acquire(process.argv[1], 't')).catch((e) => console.log(e.code))`;
  const child = spawn(process.execPath, ['-e', script, dir], { uid: NOBODY, gid: NOBODY });
  let out = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  await new Promise((resolve) => child.once('close', resolve));
  expect(out.trim()).toBe('DEVS_LOCK_UNWRITABLE');
});
