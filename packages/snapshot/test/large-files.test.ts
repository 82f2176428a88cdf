import { createCipheriv } from 'node:crypto';
import fs from 'node:fs';
import { fingerprint, Repo } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { AtomicSnapshot, takeSnapshot } from '../src/index.ts';
import { ObjectStore } from '../src/objects/object-store.ts';

const MIB = 1 << 20;
/** Bytes that do not compress, the same for the same seed. */
function noise(size: number, seed: string): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(size));
}

describe('a file of 20 MiB', () => {
  test.each([
    ['loose', () => {}],
    ['packed', (repo: Repo) => repo.git('gc', '-q', '--prune=now')],
    ['packed and never compressed', (repo: Repo) => repo.git('-c', 'core.compression=0', 'repack', '-adqF')],
  ])('is restored from a %s object, in pieces', async (_, pack) => {
    const repo = Repo.create();
    repo.write('small.txt', 'small');
    repo.write('noise.bin', noise(20 * MIB, 'a'));
    repo.write('zeros.bin', Buffer.alloc(20 * MIB));
    const before = fingerprint(repo);
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    pack(repo);
    repo.write('noise.bin', noise(20 * MIB, 'b'));
    fs.rmSync(repo.path('zeros.bin'));
    using store = new ObjectStore(repo.path('.git'));
    const oid = repo.git('rev-parse', `${ref}^3:noise.bin`);
    expect(store.findLarge(oid)).toMatchObject({ type: 'blob', size: 20 * MIB });
    const pieces: number[] = [];
    for await (const piece of store.readBlob(oid)) pieces.push(piece.length);
    expect(Math.max(...pieces)).toBeLessThanOrEqual(MIB);
    await AtomicSnapshot.restore(repo.dir, ref);
    expect(fingerprint(repo)).toEqual(before);
    expect(repo.git('fsck', '--no-dangling', '--no-progress')).toBe('');
  });

  test('whose object is damaged stops the restore before anything is touched', async () => {
    const repo = Repo.create();
    repo.write('noise.bin', noise(20 * MIB, 'a'));
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    repo.write('noise.bin', 'overwritten');
    const wrecked = fingerprint(repo);
    const oid = repo.git('rev-parse', `${ref}^3:noise.bin`);
    const file = repo.path(`.git/objects/${oid.slice(0, 2)}/${oid.slice(2)}`);
    fs.chmodSync(file, 0o644);
    const fd = fs.openSync(file, 'r+');
    fs.writeSync(fd, Buffer.from([1, 2, 3, 4]), 0, 4, 10 * MIB);
    fs.closeSync(fd);
    await expect(AtomicSnapshot.restore(repo.dir, ref)).rejects.toMatchObject({ code: 'DEVS_OBJECT_DAMAGED' });
    expect(fingerprint(repo)).toEqual(wrecked);
  });

  test('is not read or written again while nothing changes it, and is when something does', async () => {
    const repo = Repo.create();
    repo.write('noise.bin', noise(20 * MIB, 'a'));
    const old = new Date(Date.now() - 60_000);
    fs.utimesSync(repo.path('noise.bin'), old, old);
    // ctime cannot be set: the file must be seen as older than what could change unseen.
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    const first = await takeSnapshot(repo.dir, 't');
    const second = await takeSnapshot(repo.dir, 't');
    expect(first.objectsWritten).toBeGreaterThan(1);
    // The snapshot itself, no more.
    expect(second.objectsWritten).toBeLessThanOrEqual(1);
    // Same size, same mtime.
    repo.write('noise.bin', noise(20 * MIB, 'b'));
    fs.utimesSync(repo.path('noise.bin'), old, old);
    const before = fingerprint(repo);
    const third = await takeSnapshot(repo.dir, 't');
    repo.write('noise.bin', 'gone');
    await AtomicSnapshot.restore(repo.dir, third.ref);
    expect(fingerprint(repo)).toEqual(before);
  });

  test('is stored again when its object was pruned or is cut short', async () => {
    const repo = Repo.create();
    repo.write('noise.bin', noise(20 * MIB, 'a'));
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    const oid = repo.git('rev-parse', `${ref}^3:noise.bin`);
    const object = repo.path(`.git/objects/${oid.slice(0, 2)}/${oid.slice(2)}`);
    await AtomicSnapshot.drop(repo.dir, ref);
    repo.git('prune', '--expire=now');
    expect(fs.existsSync(object)).toBe(false);
    await AtomicSnapshot.take(repo.dir, 't');
    fs.chmodSync(object, 0o644);
    fs.truncateSync(object, MIB);
    await AtomicSnapshot.take(repo.dir, 't');
    expect(repo.git('fsck', '--no-dangling', '--no-progress')).toBe('');
  });
});
