// A program that swaps a directory for a symbolic link, and back, as fast as it can while devs is at work.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { Repo, temporaryDirectory } from '@devs/test-kit';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AtomicSnapshot, takeSnapshot } from '../src/index.ts';

const SWAPPER = `
const fs = require('node:fs');
const [dir, aside, outside, trigger] = process.argv.slice(1);
const end = Date.now() + 60_000;
const attempt = (work) => { try { work(); } catch {} };
console.log('ready');
while (!fs.existsSync(trigger) && Date.now() < end);
while (Date.now() < end && fs.existsSync(trigger)) {
  attempt(() => fs.renameSync(dir, aside));
  attempt(() => fs.symlinkSync(outside, dir));
  attempt(() => fs.unlinkSync(dir));
  attempt(() => fs.renameSync(aside, dir));
}
`;

const FILES = 400;
const SECRETS = Array.from({ length: FILES }, (_, i) => `secret ${i}\n`);

interface Swapper {
  readonly outside: string;
  readonly start: () => void;
  /** Stops, with the directory in its place. */
  readonly stop: () => Promise<void>;
}

/** `secrets`: files outside, of the names that the files inside have. */
async function swapper(repo: Repo, dir: string, secrets: readonly string[]): Promise<Swapper> {
  const outside = temporaryDirectory();
  for (const [i, secret] of secrets.entries()) fs.writeFileSync(path.join(outside, `file-${i}.txt`), secret);
  if (secrets.length > 0) fs.writeFileSync(path.join(outside, '.gitignore'), '# secret rules\n');
  const trigger = path.join(temporaryDirectory(), 'trigger');
  const aside = repo.path('.git/aside');
  const child: ChildProcess = spawn(process.execPath, ['-e', SWAPPER, repo.path(dir), aside, outside, trigger], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await new Promise((resolve) => child.stdout!.once('data', resolve));
  return {
    outside,
    start: () => fs.writeFileSync(trigger, ''),
    stop: async () => {
      fs.rmSync(trigger, { force: true });
      await new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(null)));
      if (fs.lstatSync(repo.path(dir), { throwIfNoEntry: false })?.isSymbolicLink()) fs.unlinkSync(repo.path(dir));
      if (fs.existsSync(aside)) fs.renameSync(aside, repo.path(dir));
    },
  };
}

function withFiles(dir: string, isCommitted: boolean): Repo {
  const repo = Repo.create();
  repo.write('first.txt', 'first\n');
  if (!isCommitted) repo.commitAll('first');
  for (let i = 0; i < FILES; i++) repo.write(`${dir}/file-${i}.txt`, `inside ${i}\n`);
  repo.write(`${dir}/.gitignore`, '*.log\n');
  if (isCommitted) repo.commitAll('first');
  return repo;
}

function secretsIn(repo: Repo): string[] {
  const held = new Set(
    repo.git('cat-file', '--batch-all-objects', '--batch-check=%(objectname)', '--unordered').split('\n'),
  );
  const blob = (text: string) => createHash('sha1').update(`blob ${text.length}\0${text}`).digest('hex');
  return [...SECRETS, '# secret rules\n'].filter((text) => held.has(blob(text)));
}

const ROUNDS = 4;

describe.each(['dir', 'deep/er/dir'])('%s is swapped for a link that leads outside', (dir) => {
  const swapped = dir.split('/')[0]!;

  test('while a restore writes: nothing lands outside, and the next one is exact', { timeout: 120_000 }, async () => {
    const repo = withFiles(dir, true);
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    for (let round = 0; round < ROUNDS; round++) {
      for (let i = 0; i < FILES; i++) fs.rmSync(repo.path(`${dir}/file-${i}.txt`), { force: true });
      const { outside, start, stop } = await swapper(repo, swapped, []);
      const onProgress = ({ phase, done }: { phase: string; done: number }) => {
        if (phase === 'apply' && done === 5) start();
      };
      const error = await AtomicSnapshot.restore(repo.dir, ref, { keep: true, onProgress }).then(
        () => null,
        (reason: { code?: string }) => reason,
      );
      start();
      await stop();
      expect(fs.readdirSync(outside)).toEqual([]);
      if (error !== null) expect(error.code).toMatch(/^DEVS_/);
      await AtomicSnapshot.recover(repo.dir);
      await AtomicSnapshot.restore(repo.dir, ref, { keep: true });
      for (let i = 0; i < FILES; i++) expect(repo.read(`${dir}/file-${i}.txt`)).toBe(`inside ${i}\n`);
      expect(repo.git('status', '--porcelain')).toBe('');
    }
  });

  test('while a restore deletes: nothing outside is deleted', { timeout: 120_000 }, async () => {
    const repo = withFiles('other', true);
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    for (let round = 0; round < ROUNDS; round++) {
      // The same content outside: proof of the content alone would allow the deletion.
      for (let i = 0; i < FILES; i++) repo.write(`${dir}/file-${i}.txt`, SECRETS[i]!);
      const { outside, start, stop } = await swapper(repo, swapped, SECRETS);
      const onProgress = ({ phase }: { phase: string }) => {
        if (phase === 'apply' || phase === 'prove' || phase === 'write') start();
      };
      const error = await AtomicSnapshot.restore(repo.dir, ref, { keep: true, onProgress }).then(
        () => null,
        (reason: { code?: string }) => reason,
      );
      start();
      await stop();
      expect(fs.readdirSync(outside)).toHaveLength(FILES + 1);
      if (error !== null) expect(error.code).toMatch(/^DEVS_/);
      await AtomicSnapshot.recover(repo.dir);
    }
  });

  test.each(['scan', 'store'])('while a take reads, from its %s on: nothing outside is captured', async (from) => {
    const repo = withFiles(dir, false);
    for (let round = 0; round < ROUNDS; round++) {
      const { start, stop } = await swapper(repo, swapped, SECRETS);
      const onProgress = ({ phase }: { phase: string }) => {
        if (phase === from) start();
      };
      const taken = await takeSnapshot(repo.dir, 't', { onProgress }).then(
        () => null,
        (reason: { code?: string }) => reason,
      );
      start();
      await stop();
      if (taken !== null) expect(taken.code).toMatch(/^DEVS_/);
      expect(secretsIn(repo)).toEqual([]);
    }
  });
});
