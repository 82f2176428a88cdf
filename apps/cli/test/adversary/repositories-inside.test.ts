// A command can leave repositories inside this one, and work trees beside it, in every shape. What devs reads of them
// is for reports alone, so nothing of it stops a command, and nothing outside is copied.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { Victim } from './published/victim.ts';

/** Puts something at `file` that is no text file of git's. */
const SHAPES: Readonly<Record<string, (file: string, victim: Victim) => void>> = {
  'a link to a secret': (file, { secretFile }) => fs.symlinkSync(secretFile, file),
  'a link to itself': (file) => fs.symlinkSync(path.basename(file), file),
  'a directory': (file) => fs.mkdirSync(file),
  'a pipe': (file) => void execFileSync('mkfifo', [file]),
  'a device': (file) => fs.symlinkSync('/dev/zero', file),
  'a NUL byte': (file) => fs.writeFileSync(file, 'gitdir: a\0b\n'),
  'a name that is too long': (file) => fs.writeFileSync(file, `gitdir: ${'x'.repeat(5_000)}\n`),
  'the place of a secret': (file, { home }) => fs.writeFileSync(file, `gitdir: ${home}\n`),
  'a gigabyte': (file) => {
    fs.writeFileSync(file, '');
    fs.truncateSync(file, 3 * 2 ** 30);
  },
};

const PLACES = [
  'sub/.git/commondir',
  'sub/.git',
  'sub/.git/HEAD',
  '.git/worktrees/x/gitdir',
  '.git/worktrees/x/HEAD',
  '.git/modules/x/HEAD',
];

test.each(Object.keys(SHAPES))(
  '%s in the place of a file of another repository stops no command',
  async (shape) => {
    for (const place of PLACES) {
      const victim = new Victim();
      const { repo } = victim;
      fs.symlinkSync(victim.secretFile, path.join(victim.home, 'HEAD'));
      const file = repo.path(place);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      if (place.startsWith('sub')) fs.writeFileSync(repo.path('sub/file'), 'inside\n');
      if (place === 'sub/.git/commondir') new Repo(repo.path('sub')).git('init', '-q');
      SHAPES[shape]!(file, victim);
      const codes = [];
      for (const args of [
        ['run', '--id', 'r', '--', 'sh', '-c', 'echo x > tracked.txt; exit 3'],
        ['restore', 'r'],
        ['status'],
      ]) {
        const { code, stderr } = await victim.devs(...args);
        codes.push(code, /DEVS_[A-Z_]+/.exec(stderr)?.[0] ?? '');
      }
      expect([place, ...codes]).toEqual([place, 3, '', 0, '', 0, '']);
      fs.rmSync(file, { recursive: true, force: true });
      victim.assertNotCopied();
    }
  },
  120_000,
);
