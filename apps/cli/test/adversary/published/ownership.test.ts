// Published faults in which a repository of another user, or one that came as an archive, decides what the
// user's own machine runs.
import fs from 'node:fs';
import path from 'node:path';
import { isRoot, NOBODY, Repo } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { start } from '../../devs.ts';
import { Victim } from './victim.ts';

const WINDOWS = process.platform === 'win32';

/** Every setting by which git itself runs a program. */
function settingsThatRun(payload: string): string {
  return `[core]
	pager = ${payload}
	fsmonitor = ${payload}
	hooksPath = hostile-hooks
	editor = ${payload}
	sshCommand = ${payload}
	askPass = ${payload}
	gitProxy = ${payload}
[pager]
	log = ${payload}
	diff = ${payload}
[interactive]
	diffFilter = ${payload}
[diff]
	external = ${payload}
[diff "hostile"]
	textconv = ${payload}
	command = ${payload}
[filter "hostile"]
	clean = ${payload}
	smudge = ${payload}
	process = ${payload}
	required = true
[merge "hostile"]
	driver = ${payload}
[alias]
	status = !${payload}
	log = !${payload}
[credential]
	helper = !${payload}
[gpg]
	program = ${payload}
[sequence]
	editor = ${payload}
[uploadpack]
	packObjectsHook = ${payload}
[trailer "x"]
	command = ${payload}
`;
}

/** The same programs by every other way: attributes, hooks, and a hook directory that the settings name. */
function arm(victim: Victim): void {
  const { repo, payload } = victim;
  fs.appendFileSync(repo.path('.git/config'), settingsThatRun(payload));
  repo.write('.gitattributes', '* filter=hostile diff=hostile merge=hostile\n');
  const hooks = [
    'post-checkout',
    'post-index-change',
    'reference-transaction',
    'pre-auto-gc',
    'post-rewrite',
    'fsmonitor-watchman',
  ];
  for (const hook of hooks)
    for (const dir of ['.git/hooks', 'hostile-hooks']) repo.write(`${dir}/${hook}`, `#!/bin/sh\n${payload}\n`, 0o755);
}

describe.runIf(isRoot() && !WINDOWS)('CVE-2022-24765 and CVE-2022-29187, git: a repository of another user', () => {
  const chown = (file: string) => {
    for (const name of fs.readdirSync(file, { recursive: true }))
      fs.lchownSync(path.join(file, String(name)), NOBODY, NOBODY);
    fs.lchownSync(file, NOBODY, NOBODY);
  };

  async function expectRefused(victim: Victim, cwd: string, env: NodeJS.ProcessEnv = {}): Promise<void> {
    for (const args of [
      ['status'],
      ['log'],
      ['doctor'],
      ['run', '--', 'true'],
      ['restore', '@'],
      ['undo'],
      ['snapshot'],
    ]) {
      const ended = await start(cwd, args, { env: { HOME: victim.home, ...env } }).ended;
      expect([args, ended.stderr]).toEqual([args, expect.stringContaining('DEVS_UNSAFE_REPOSITORY')]);
      expect(fs.existsSync(victim.proof)).toBe(false);
    }
    const { stdout } = await start(cwd, ['complete', '--', 'run', ''], { env: { HOME: victim.home, ...env } }).ended;
    expect(stdout).toBe('');
  }

  test('is refused from the directory itself, and from one below it', async () => {
    const victim = new Victim();
    arm(victim);
    chown(victim.repo.dir);
    await expectRefused(victim, victim.repo.dir);
    await expectRefused(victim, victim.repo.path('dir'));
  }, 60_000);

  test('is refused where it lies above a directory of the user', async () => {
    const victim = new Victim();
    const above = new Repo(victim.world);
    above.git('init', '-q');
    fs.appendFileSync(above.path('.git/config'), settingsThatRun(victim.payload));
    chown(above.path('.git'));
    fs.mkdirSync(path.join(victim.world, 'work'));
    await expectRefused(victim, path.join(victim.world, 'work'));
  }, 60_000);

  test("is refused where the work tree is the user's and the git directory is not, and the other way round", async () => {
    for (const part of ['.git', '.', 'git-file'] as const) {
      const victim = new Victim();
      arm(victim);
      if (part === '.git') chown(victim.repo.path('.git'));
      else if (part === '.') fs.chownSync(victim.repo.dir, NOBODY, NOBODY);
      else {
        fs.renameSync(victim.repo.path('.git'), path.join(victim.world, 'git'));
        fs.writeFileSync(victim.repo.path('.git'), `gitdir: ${path.join(victim.world, 'git')}\n`);
        fs.chownSync(victim.repo.path('.git'), NOBODY, NOBODY);
      }
      await expectRefused(victim, victim.repo.dir);
    }
  }, 60_000);

  test('cannot declare itself safe, and SUDO_UID that is no number declares nothing', async () => {
    const victim = new Victim();
    fs.appendFileSync(victim.repo.path('.git/config'), `[safe]\n\tdirectory = *\n\tdirectory = ${victim.repo.dir}\n`);
    chown(victim.repo.dir);
    await expectRefused(victim, victim.repo.dir, { SUDO_UID: `${NOBODY}x` });
    await expectRefused(victim, victim.repo.dir, { SUDO_UID: '4294967294' });
  }, 60_000);
});

test.runIf(isRoot() && !WINDOWS)(
  'a database, a key or a directory of devs that belongs to another user is not used',
  async () => {
    for (const name of ['.devs.db', 'seal.key', '.']) {
      const victim = new Victim();
      await victim.devs('run', '--id', 'mine', '--', 'false');
      const file = victim.repo.path(`.git/devs/${name}`);
      fs.chownSync(file, NOBODY, NOBODY);
      const said = [await victim.devs('log'), await victim.devs('snapshot', 'x')].map(({ stderr }) => stderr).join('');
      expect([name, said]).toEqual([
        name,
        expect.stringMatching(/not devs's own|DEVS_DB_UNSAFE|DEVS_SEAL_KEY_UNSAFE|belongs to/),
      ]);
      await victim.survives();
    }
  },
  60_000,
);

test('CVE-2024-32465 and CVE-2022-42906, git: the settings and hooks of a repository that came as an archive', async () => {
  const victim = new Victim();
  arm(victim);
  await victim.survives(['diff', '@'], ['show', '@'], ['-v', 'log'], ['snapshot', 'x']);
}, 60_000);

test('justinsteven, 2022, buried bare repositories: one in the work tree, with settings of its own', async () => {
  const victim = new Victim();
  const bare = new Repo(victim.repo.path('dir/bare'));
  fs.mkdirSync(bare.dir);
  bare.git('init', '-q', '--bare');
  fs.appendFileSync(
    bare.path('config'),
    `${settingsThatRun(victim.payload)}[core]\n\tbare = false\n\tworktree = ../..\n`,
  );
  for (const args of [['status'], ['run', '--', 'true'], ['restore', '@'], ['doctor'], ['gc']]) {
    const { code, stderr } = await start(bare.dir, args, { env: { HOME: victim.home } }).ended;
    expect([args, code === 0 || /DEVS_/.test(stderr)]).toEqual([args, true]);
    expect([args, stderr.includes('DEVS_INTERNAL'), fs.existsSync(victim.proof)]).toEqual([args, false, false]);
  }
  await victim.survives();
}, 60_000);

/** Programs that devs, git or a shell may look for. */
const PROGRAMS = [
  'less',
  'more',
  'git',
  'git.exe',
  'ps',
  'powershell.exe',
  'node',
  'uname',
  'sysctl',
  'stty',
  'tput',
  'devs',
];

test('CVE-2020-26233, Git Credential Manager, and CVE-2022-41953, git gui: programs of the work tree', async () => {
  const victim = new Victim();
  const { repo, payload } = victim;
  for (const dir of ['', 'node_modules/.bin/', 'dir/'])
    for (const name of PROGRAMS) repo.write(`${dir}${name}`, `#!/bin/sh\n${payload}\n`, 0o755);
  const PATH = `:.:node_modules/.bin:dir:${process.env.PATH}:.`;
  for (const args of [
    ['status'],
    ['log'],
    ['diff', '@'],
    ['doctor', '--fix'],
    ['run', '--', '/bin/true'],
    ['undo'],
    ['gc'],
  ]) {
    await start(repo.dir, args, { env: { HOME: victim.home, PATH } }).ended;
    expect([args, fs.existsSync(victim.proof)]).toEqual([args, false]);
  }
}, 60_000);
