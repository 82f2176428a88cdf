import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { fingerprint, Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { AtomicSnapshot, takeSnapshot } from '../src/index.ts';

test('taken again with nothing changed writes one commit and nothing else', async () => {
  const repo = Repo.withWork();
  await AtomicSnapshot.take(repo.dir, 't');
  const count = () => Number(/^count: (\d+)/.exec(repo.git('count-objects', '-v'))![1]);
  const packs = () => fs.readdirSync(repo.path('.git/objects/pack')).length;
  const before = { loose: count(), packs: packs() };
  const { objectsWritten } = await takeSnapshot(repo.dir, 'again');
  expect(objectsWritten).toBe(1);
  expect({ loose: count(), packs: packs() }).toEqual({ loose: before.loose + 1, packs: before.packs });
});

test('packs what exists loose where it writes a pack anyway, and does not write it a third time', async () => {
  const repo = Repo.withWork();
  for (let i = 0; i < 20; i++) repo.write(`loose${i}`, `known to git ${i}\n`);
  repo.git('hash-object', '-w', ...Array.from({ length: 20 }, (_, i) => `loose${i}`));
  const first = await takeSnapshot(repo.dir, 't');
  const blob = repo.git('rev-parse', `${first.ref}^3:loose7`);
  fs.rmSync(repo.path(`.git/objects/${blob.slice(0, 2)}/${blob.slice(2)}`));
  expect(repo.git('cat-file', 'blob', blob)).toBe('known to git 7');
  expect((await takeSnapshot(repo.dir, 'again')).objectsWritten).toBe(1);
});

test('writes a pack that is too large to be put together in memory', async () => {
  const repo = Repo.withWork();
  for (let i = 0; i < 5; i++) fs.writeFileSync(repo.path(`random${i}`), randomBytes(3_000_000));
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  expect(repo.git('fsck', '--strict', '--no-dangling')).toBe('');
  const packs = repo.path('.git/objects/pack');
  const sizes = fs.readdirSync(packs).map((name) => fs.statSync(`${packs}/${name}`).size);
  expect(Math.max(...sizes)).toBeGreaterThan(15_000_000);
  for (let i = 0; i < 5; i++) fs.rmSync(repo.path(`random${i}`));
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
});

test('does not trust a damaged loose object, however few objects there are to write', async () => {
  const repo = Repo.create();
  repo.write('a', 'a\n');
  repo.commitAll('a');
  await AtomicSnapshot.take(repo.dir, 't');
  repo.write('a', 'precious\n');
  const blob = repo.git('hash-object', '-w', 'a');
  const file = repo.path(`.git/objects/${blob.slice(0, 2)}/${blob.slice(2)}`);
  fs.chmodSync(file, 0o644);
  fs.truncateSync(file, 5);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  expect(repo.git('cat-file', 'blob', `${ref}:a`)).toBe('precious');
});
