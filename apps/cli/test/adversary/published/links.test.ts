// Published faults in which a link, a hard link or a collision leads a program out of the directory that it
// works in.
import fs from 'node:fs';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { blob, tree } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { FORGED_RUN, Victim } from './victim.ts';

test('the judge of these tests notices a program that runs, a file that changes, and a secret that is copied', async () => {
  const noticed = async (command: string): Promise<string> => {
    const failure = await new Victim().survives(['run', '--', 'sh', '-c', command]).catch((error: unknown) => error);
    const { actual } = failure as { readonly actual?: unknown };
    return JSON.stringify([command, actual]);
  };
  expect(await noticed('touch ../a-program-ran')).toMatch(/"a-program-ran 644 /);
  expect(await noticed('echo changed > ../elsewhere/file')).toMatch(/elsewhere\/file 644 \d/);
  expect(await noticed('cat ../home/id_secret')).toMatch(/id_secret.*true\]/);
  expect(await noticed('cp ../home/id_secret . && git add id_secret')).toMatch(/objects hold the secret",true\]/);
}, 120_000);

const COLLISIONS = [
  ['CVE-2024-32002, git: a link, and a directory of the same name in capitals', 'A', 'a'],
  ['CVE-2021-21300, git: a link in the place of a directory that is written already', 'dir', 'DIR'],
  ['CVE-2021-32803 and CVE-2021-37712, tar: two names that a file system may take for one', 'caf\u00e9', 'cafe\u0301'],
] as const;

test.each(COLLISIONS)(
  '%s',
  async (_, directory, link) => {
    const victim = new Victim();
    const { repo } = victim;
    const hook = blob(repo, `#!/bin/sh\n${victim.payload}\n`);
    const inner = tree(repo, ['100755', 'post-checkout', hook]);
    const outer = tree(repo, ['40000', directory, inner], ['120000', link, blob(repo, '.git/hooks')]);
    const entries = [
      { name: `${directory}/post-checkout`, oid: hook, mode: 0o100755 },
      { name: link, oid: blob(repo, '.git/hooks'), mode: 0o120000 },
    ];
    await victim.forgeSnapshot(outer);
    victim.checkOut(entries, outer);
    await victim.survives(['restore', FORGED_RUN]);
  },
  60_000,
);

test('CVE-2026-44471, gitoxide: a link, and a directory of the same name that reuses it as its parent', async () => {
  const victim = new Victim();
  const { repo } = victim;
  const post = tree(repo, ['120000', 'post-checkout', blob(repo, '../../payload')]);
  const payload = ['100755', 'payload', blob(repo, victim.payload)] as const;
  const outer = tree(repo, ['120000', 'a', blob(repo, '.git/hooks')], ['40000', 'a', post], payload);
  await victim.forgeSnapshot(outer);
  await victim.refuses('restore', FORGED_RUN);
  const link = tree(repo, ['120000', 'a', blob(repo, '../elsewhere')]);
  await victim.forgeSnapshot(link, tree(repo, ['40000', 'a', tree(repo, ['100644', 'file', blob(repo, 'x')])]));
  await victim.refuses('restore', FORGED_RUN);
  victim.checkOut([], outer);
  await victim.survives();
}, 60_000);

test('CVE-2021-32803, tar, and go-git, CVE-2026-45571: a directory that became a link to another place', async () => {
  const victim = new Victim();
  const { repo } = victim;
  const swap = 'rm -rf dir && ln -s ../elsewhere dir && echo x > tracked.txt; exit 3';
  for (const [name, restore] of [
    ['whole', ['restore', 'whole']],
    ['path', ['restore', 'path', '--', 'dir/file.txt']],
    ['dir', ['restore', 'dir', '--', 'dir']],
  ] as const) {
    fs.rmSync(repo.path('dir'), { recursive: true, force: true });
    repo.write('dir/file.txt', 'in a directory\n');
    await victim.devs('run', '--id', name, '--', 'sh', '-c', swap);
    const { code, stderr } = await victim.devs(...restore);
    expect([name, code === 0 || /DEVS_/.test(stderr)]).toEqual([name, true]);
    if (code === 0) expect(fs.readFileSync(repo.path('dir/file.txt'), 'utf8')).toBe('in a directory\n');
    expect(fs.readdirSync(path.join(victim.world, 'elsewhere'))).toEqual(['file']);
  }
  await victim.survives();
}, 60_000);

test('GHSA-8w8g-wq8h-fq33, dulwich: a restore of one path, in whose place a link lies', async () => {
  const victim = new Victim();
  const { repo } = victim;
  const swap = 'ln -sf ../elsewhere/file tracked.txt; ln -sf ../home/id_secret untracked.txt; exit 3';
  await victim.devs('run', '--id', 'swap', '--', 'sh', '-c', swap);
  expect((await victim.devs('restore', 'swap', '--', 'tracked.txt')).code).toBe(0);
  expect(fs.lstatSync(repo.path('tracked.txt')).isFile()).toBe(true);
  expect(fs.readFileSync(path.join(victim.world, 'elsewhere/file'), 'utf8')).toBe('of the user\n');
  await victim.survives(['restore', 'swap'], ['diff', 'swap']);
  expect(fs.readFileSync(victim.secretFile, 'utf8')).toBe(`${victim.secret}\n`);
}, 60_000);

/** What git's files in the git directory may have become before the user's next command. */
const READ = [
  'index',
  'HEAD',
  'packed-refs',
  'refs/heads/other',
  'info/exclude',
  'info/attributes',
  'MERGE_MSG',
  'MERGE_HEAD',
  'config.worktree',
  'shallow',
  'devs/seal.key',
  'devs/restore.json',
  'devs/large-files.json',
  'devs/proven-bytes',
  'devs/.devs.db',
  'refs/devs/snapshots/x',
];

test.each([['symbolic'], ['hard']])(
  'CVE-2022-39253 and CVE-2024-32021, git: %s links to private files among the files of a repository',
  async (kind) => {
    for (const name of READ) {
      const victim = new Victim();
      await victim.devs('snapshot', 'before');
      const file = victim.repo.path(`.git/${name}`);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.rmSync(file, { force: true });
      if (kind === 'symbolic') fs.symlinkSync(victim.secretFile, file);
      else fs.linkSync(victim.secretFile, file);
      try {
        await victim.dayAt(name);
      } finally {
        // A hard link is the secret, so what lies in the git directory is judged without it.
        fs.rmSync(file, { force: true });
      }
    }
  },
  240_000,
);

test('CVE-2022-39253 and CVE-2023-22490, git: objects that are links, and alternates to private places', async () => {
  const victim = new Victim();
  const { repo } = victim;
  const oid = repo.git('rev-parse', 'HEAD:tracked.txt');
  const object = repo.path(`.git/objects/${oid.slice(0, 2)}/${oid.slice(2)}`);
  fs.rmSync(object, { force: true });
  fs.symlinkSync(victim.secretFile, object);
  await victim.survives();
  fs.rmSync(object);
  // The object is sound, and not the repository's: its times are not renewed.
  const elsewhere = path.join(victim.world, 'elsewhere/object');
  fs.writeFileSync(elsewhere, deflateSync('blob 8\0tracked\n'));
  fs.utimesSync(elsewhere, 1_000_000, 1_000_000);
  fs.symlinkSync(elsewhere, object);
  repo.write('tracked-again.txt', 'tracked\n');
  await victim.survives();
  for (const target of [
    victim.home,
    victim.secretFile,
    '/dev/zero',
    '/dev/stdin',
    '../../../home',
    repo.path('.git/objects'),
  ]) {
    repo.write('.git/objects/info/alternates', `${target}\n`);
    await victim.devs('run', '--', 'true');
  }
  await victim.survives();
  expect(fs.readdirSync(victim.home)).toEqual(['id_secret']);
}, 120_000);

test('CVE-2022-39253, git: links in the work tree are stored as links, and so are those in the place of rules', async () => {
  const victim = new Victim();
  for (const name of [
    '.gitignore',
    '.gitattributes',
    '.gitmodules',
    '.mailmap',
    'devs.json',
    'package.json',
    'dir/.gitignore',
  ]) {
    fs.symlinkSync(victim.secretFile, victim.repo.path(name));
  }
  await victim.survives(['run'], ['run', 'task'], ['run', '--include-ignored', '*', '--', 'false'], ['diff', '@']);
}, 60_000);
