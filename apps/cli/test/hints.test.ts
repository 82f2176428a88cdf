import { execFileSync } from 'node:child_process';
import { fingerprint, Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { BIN, devs } from './devs.ts';

/** The commands that devs printed to be copied, in order. */
function hints(stderr: string): string[] {
  return [
    ...stderr.matchAll(/(?:: +|^devs: {3})(devs (?:-C '[^']*' )?(?:diff|restore|drop|status|log|run)[^\n]*)$/gm),
  ].map((match) => match[1]!);
}

/** Types a hint into a shell in which `devs` is on the path. */
function type(cwd: string, command: string): string {
  const script = `devs() { "${process.execPath}" "${BIN}" "$@"; }; ${command}`;
  try {
    return execFileSync('sh', ['-c', script], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const { status, stdout } = error as { status: number; stdout: string };
    // `devs diff` says with 1 that there are differences.
    if (status === 1 && command.startsWith('devs') && command.includes(' diff ')) return stdout;
    throw error;
  }
}

test('every command that a failed run prints works when typed', async () => {
  const repo = Repo.withWork();
  const before = fingerprint(repo);
  const { stderr } = await devs(repo.dir, 'run', '--', 'sh', '-c', 'rm -rf dir; exit 1');
  const [diff, restore, drop] = hints(stderr);
  expect(type(repo.dir, diff!)).toContain('deleted file mode 100644\n--- a/dir/c.txt');
  type(repo.dir, restore!);
  expect(fingerprint(repo)).toEqual(before);
  type(repo.dir, drop!);
  expect(repo.refs()).toEqual([]);
});

test('with -C the printed commands work from where the user stands', async () => {
  const repo = Repo.withWork();
  const { stderr } = await devs('/', '-C', repo.dir, 'run', '--', 'sh', '-c', 'rm -rf dir; exit 1');
  const [diff] = hints(stderr);
  expect(type('/', diff!)).toContain('deleted file mode 100644\n--- a/dir/c.txt');
});

test('the hint of a refused restore works', async () => {
  const repo = Repo.withWork();
  await devs(repo.dir, 'run', '--id', 'bad', '--', 'sh', '-c', 'rm -rf dir; exit 1');
  repo.git('commit', '-qm', 'by somebody else');
  const { stderr } = await devs(repo.dir, 'restore', 'bad');
  const [filesOnly] = hints(stderr);
  type(repo.dir, filesOnly!);
  expect(repo.exists('dir/c.txt')).toBe(true);
});

test('the hints of a held lock, an unknown task and an unknown run work', async () => {
  const repo = Repo.withWork();
  repo.write('devs.json', '{"tasks": {"format": "true"}}');
  for (const args of [
    ['run', 'fromat'],
    ['restore', 'nothing'],
  ]) {
    const [hint] = hints((await devs(repo.dir, ...args)).stderr);
    type(repo.dir, hint!);
  }
});

test('what a restore left alone comes back by the commands that it printed', async () => {
  const repo = Repo.withWork();
  repo.git('branch', 'gone');
  repo.git('branch', 'moved');
  repo.git('stash', 'push', '-q', '--', 'dir/c.txt');
  const state = () => [repo.git('rev-parse', 'gone', 'moved'), repo.git('rev-parse', 'stash@{0}')];
  const before = state();
  const task = 'git branch -D gone; git branch -f moved $(git commit-tree -m x HEAD^{tree}); git stash clear; exit 1';
  await devs(repo.dir, 'run', '--id', 'bad', '--', 'sh', '-c', task);
  const { stderr } = await devs(repo.dir, 'restore', 'bad');
  const commands = [...stderr.matchAll(/^devs: {3}(git [^\n]*)$/gm)].map((match) => match[1]!);
  expect(commands).toHaveLength(3);
  for (const command of commands) type(repo.dir, command);
  expect(state()).toEqual(before);
});
