// A user whom permissions bind: root may read and write anything.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { isRoot, NOBODY, type Repo } from '@devs/test-kit';

const CHILD = `
  import * as devs from ${JSON.stringify(path.join(import.meta.dirname, '../dist/index.js'))};
  const [, dir, method, ...rest] = process.argv;
  try {
    const answer = await devs.AtomicSnapshot[method](dir, ...rest.map((word) => (word[0] === '{' ? JSON.parse(word) : word)));
    console.log(typeof answer === 'string' ? answer : JSON.stringify(answer ?? null));
  } catch (error) {
    console.log(error.code?.startsWith('DEVS_') ? error.code + ' ' + error.message : error.stack);
  }`;

/** Calls a method of `AtomicSnapshot` as that user. An error with a code of ours is its code and message. */
export function asUser(repo: Repo, method: string, ...rest: string[]): string {
  const user = isRoot() ? { uid: NOBODY, gid: NOBODY } : {};
  const words = ['--input-type=module', '-e', CHILD, repo.dir, method, ...rest];
  const options = { ...user, env: { HOME: '/nonexistent' }, encoding: 'utf8', timeout: 30_000 } as const;
  return execFileSync(process.execPath, words, options).trim();
}

/** Gives the repository to that user. */
export function giveAway(repo: Repo): void {
  if (isRoot()) execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, repo.dir]);
}

/** Not by git, which refuses to look at another user's repository. The top's own permissions included. */
export function filesOf(repo: Repo): string[] {
  const names = fs.readdirSync(repo.dir, { recursive: true, encoding: 'utf8' });
  const own = ['.', ...names.filter((name) => !name.startsWith('.git/')).sort()];
  return own.map((name) => {
    const stat = fs.lstatSync(repo.path(name));
    return `${name} ${stat.mode.toString(8)} ${stat.isFile() ? repo.read(name) : ''}`;
  });
}
