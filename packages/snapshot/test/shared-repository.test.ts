// Files that devs makes in the git directory have the permissions that git gives its own.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';

const CHILD = `
  import * as devs from ${JSON.stringify(path.join(import.meta.dirname, '../dist/index.js'))};
  const [, dir, method, ...words] = process.argv;
  const answer = await devs.AtomicSnapshot[method](dir, ...words);
  if (typeof answer === 'string') console.log(answer);`;

/** Runs a program under a umask of its own. */
function under(umask: string, words: readonly string[], cwd: string): string {
  const env = { PATH: process.env.PATH, HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1' };
  const all = ['-c', `umask ${umask}; exec "$@"`, 'sh', ...words];
  return execFileSync('sh', all, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

function modeOf(repo: Repo, name: string): string {
  return (fs.statSync(repo.path(`.git/${name}`)).mode & 0o7777).toString(8);
}

/** The permissions of the only file in `dir` of which `pattern` holds. */
function modesIn(repo: Repo, dir: string, pattern: RegExp): string[] {
  const names = fs.readdirSync(repo.path(`.git/${dir}`)).filter((name) => pattern.test(name));
  return [...new Set(names.map((name) => modeOf(repo, `${dir}/${name}`)))];
}

function init(umask: string, sharing: string | null): Repo {
  const repo = new Repo();
  const git = (...words: string[]) =>
    under(umask, ['git', '-c', 'user.name=T', '-c', 'user.email=t@t', ...words], repo.dir);
  git('init', '-q', '-b', 'main');
  if (sharing !== null) git('config', 'core.sharedRepository', sharing);
  repo.write('a.txt', 'a\n');
  git('add', '-A');
  git('commit', '-qm', 'first');
  fs.rmSync(repo.path('.git/COMMIT_EDITMSG'));
  return repo;
}

const UMASKS = ['022', '077', '000'];
const VALUES = [null, 'umask', 'group', 'all', '0600', '0640', '0660', '0664', '0666', 'true', '1', '2'];

test.each(UMASKS.flatMap((umask) => VALUES.map((value) => [umask, value] as const)))(
  'umask %s, core.sharedRepository %s',
  (umask, value) => {
    const ours = init(umask, value);
    const gits = init(umask, value);
    const git = (...words: string[]) => under(umask, ['git', ...words], gits.dir);
    const node = (...words: string[]) =>
      under(umask, [process.execPath, '--input-type=module', '-e', CHILD, ours.dir, ...words], ours.dir);
    // Many objects make a pack.
    for (let i = 0; i < 8; i++) ours.write(`new-${i}.txt`, `${i}\n`);
    const ref = node('take', 't');
    git('update-ref', 'refs/devs/snapshots/x', 'HEAD');
    git('repack', '-q', '-a');
    expect(modeOf(ours, 'refs/devs')).toBe(modeOf(gits, 'refs/devs'));
    expect(modeOf(ours, 'refs/devs/snapshots')).toBe(modeOf(gits, 'refs/devs/snapshots'));
    expect(modeOf(ours, ref)).toBe(modeOf(gits, 'refs/devs/snapshots/x'));
    expect(modesIn(ours, 'objects/pack', /\.pack$/)).toEqual(modesIn(gits, 'objects/pack', /\.pack$/));
    expect(modesIn(ours, 'objects/pack', /\.idx$/)).toEqual(modesIn(gits, 'objects/pack', /\.idx$/));
    // What is private stays so.
    expect(modeOf(ours, 'devs')).toBe('700');
    expect(modesIn(ours, 'devs', /./)).toEqual(['600']);

    ours.git('checkout', '-q', '-b', 'elsewhere');
    ours.git('rm', '-q', '--cached', 'a.txt');
    fs.rmSync(ours.path('.git/logs'), { recursive: true });
    node('restore', ref);
    git('symbolic-ref', 'HEAD', 'refs/heads/main');
    expect(modeOf(ours, 'index')).toBe(modeOf(gits, 'index'));
    expect(modeOf(ours, 'HEAD')).toBe(modeOf(gits, 'HEAD'));
    expect(ours.git('fsck', '--no-dangling', '--no-progress')).toBe('');
  },
);
