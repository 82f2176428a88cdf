import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { Repo, temporaryDirectory } from '@devs/test-kit';
import { beforeEach, describe, expect, test } from 'vitest';
import { helperPath } from '../src/processes/helper-path.ts';
import { BIN, devs } from './devs.ts';

const hasTerminal = spawnSync('script', ['--version']).error === undefined;
const SYSTEM = '/usr/bin:/bin';

let repo: Repo;
let home: string;

beforeEach(async () => {
  repo = Repo.create();
  home = temporaryDirectory();
  repo.write('a.txt', 'before\n');
  repo.commitAll('base');
  await devs(repo.dir, 'run', '--id', 'bad', '--', 'sh', '-c', 'echo after > a.txt; exit 3');
});

/** `devs diff` on a terminal of its own. */
function diff({ PATH = SYSTEM, ...env }: NodeJS.ProcessEnv = {}): string {
  const command = `PATH='${PATH}' '${process.execPath}' '${BIN}' diff bad`;
  const whole = { PATH: SYSTEM, HOME: home, TERM: 'xterm', ...env };
  return spawnSync('script', ['-qec', command, '/dev/null'], { cwd: repo.dir, env: whole, encoding: 'utf8' }).stdout;
}

/** A program that gives itself away. */
function trap(file: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `#!/bin/sh\ntouch '${home}/trapped'\ncat\n`, { mode: 0o755 });
}

const trapped = () => fs.existsSync(path.join(home, 'trapped'));

describe.skipIf(!hasTerminal)('on a terminal', () => {
  test("the repository's configuration chooses no pager", () => {
    repo.git('config', 'core.pager', `touch '${home}/trapped'; cat`);
    repo.git('config', 'pager.diff', `touch '${home}/trapped'; cat`);
    repo.git('config', 'extensions.worktreeConfig', 'true');
    repo.git('config', '--worktree', 'core.pager', `touch '${home}/trapped'; cat`);
    expect(diff()).toContain('+after');
    expect(trapped()).toBe(false);
  });

  test.each([
    ['an empty entry of PATH', () => `:${SYSTEM}`],
    ['a dot', () => `.:${SYSTEM}`],
    ['a relative entry', () => `bin:${SYSTEM}`],
    ['an entry inside the repository', () => `${repo.path('bin')}:${SYSTEM}`],
    ['nothing but the working directory', () => ''],
  ])('no pager is found by %s', (_, searchPath) => {
    for (const name of ['less', 'bin/less', 'sh', 'cat']) trap(repo.path(name));
    expect(diff({ PATH: searchPath() })).toContain('+after');
    expect(trapped()).toBe(false);
  });

  test("the user's configuration does", () => {
    fs.writeFileSync(path.join(home, '.gitconfig'), '[core]\n\tpager = sed s/after/paged/\n');
    repo.git('config', 'core.pager', `touch '${home}/trapped'; cat`);
    expect(diff()).toContain('+paged');
    expect(trapped()).toBe(false);
  });

  test.each([['GIT_PAGER'], ['PAGER']])('%s of the environment does', (name) => {
    expect(diff({ [name]: 'sed s/after/paged/' })).toContain('+paged');
  });
});

test('the path for helpers holds absolute directories outside of the repository', () => {
  expect(helperPath('/usr/bin::.:bin:/repo/bin:/repo:/repository:/bin', '/repo')).toBe('/usr/bin:/repository:/bin');
  expect(helperPath('', '/repo')).toBe('/usr/bin:/bin');
  expect(helperPath(undefined, '/repo')).toBe('/usr/bin:/bin');
});
