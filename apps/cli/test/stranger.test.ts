// What a stranger who attacked the tool found, beyond what other files of tests already hold.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fingerprint, isRoot, Repo, temporaryDirectory } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { devs } from './devs.ts';

test.runIf(isRoot() && process.platform === 'linux')(
  'a command that fills the disk: how it ended, that the disk is full, and how to go back',
  async () => {
    const mount = temporaryDirectory();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', mount]);
    try {
      const repo = path.join(mount, 'r');
      fs.mkdirSync(repo);
      const git = (...args: string[]) =>
        execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: repo });
      git('init', '-qb', 'main');
      fs.writeFileSync(path.join(repo, 'a'), '1\n');
      git('add', '.');
      git('commit', '-qm', 'c');
      fs.writeFileSync(path.join(repo, 'u'), 'u\n');
      const fill = 'rm a u; dd if=/dev/zero of=../fill bs=1k 2>/dev/null; exit 7';
      const { code, stderr } = await devs(repo, 'run', '--', 'sh', '-c', fill);
      expect(stderr).not.toContain('rollback');
      expect(stderr).toMatch(/DEVS_(DB|DISK)_FULL/);
      expect(stderr).toContain('exit code 7');
      expect(stderr).toMatch(/devs restore [0-9a-z-]+/);
      expect(code).toBe(125);
      fs.rmSync(path.join(mount, 'fill'));
      expect((await devs(repo, 'restore', '@', '--force')).code).toBe(0);
      expect(fs.readdirSync(repo).sort()).toEqual(['.git', 'a', 'u']);
    } finally {
      execFileSync('umount', [mount]);
    }
  },
);

test.each([
  ['no HEAD', 'rm .git/HEAD'],
  ['an empty HEAD', ': >.git/HEAD'],
  ['garbage in the branch', 'echo xx >.git/refs/heads/main'],
  ['a branch at a missing object', `echo ${'12345678'.repeat(5)} >.git/refs/heads/main`],
])('%s: doctor names it, the refusal says that --force restores, and it does', async (_, harm) => {
  const repo = Repo.withWork();
  const before = fingerprint(repo);
  await devs(repo.dir, 'run', '--', 'sh', '-c', `${harm}; rm a.txt; exit 1`);
  const doctor = await devs(repo.dir, 'doctor');
  expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringMatching(/^wrong +git files/m)]);
  const refused = await devs(repo.dir, 'restore', '@');
  expect([refused.code, refused.stderr]).toEqual([125, expect.stringContaining('--force')]);
  const forced = await devs(repo.dir, 'restore', '@', '--force');
  expect([forced.code, forced.stderr]).toEqual([0, expect.not.stringContaining('was killed')]);
  expect(fingerprint(repo)).toEqual(before);
  expect((await devs(repo.dir, 'doctor')).stdout).toMatch(/^ok +git files/m);
});

test('ignore rules that a run changed are named, and the restore can be undone although they hide directories', async () => {
  const repo = Repo.withWork();
  fs.mkdirSync(repo.path('e/empty'), { recursive: true });
  repo.write('untracked.md', 'u\n');
  const rude = 'echo "*" >>.git/info/exclude; echo hid >hid; rm untracked.md; exit 1';
  await devs(repo.dir, 'run', '--', 'sh', '-c', rude);
  const left = fingerprint(repo);
  const { stderr } = await devs(repo.dir, 'restore', '@');
  expect(stderr).toMatch(
    /left alone: the ignore rules in \.git\/info\/exclude changed\n.*git cat-file blob [0-9a-f]{40}/,
  );
  expect([repo.read('untracked.md'), fs.existsSync(repo.path('hid'))]).toEqual(['u\n', false]);
  expect(await devs(repo.dir, 'undo')).toMatchObject({ code: 0 });
  expect(fingerprint(repo)).toEqual(left);
});
