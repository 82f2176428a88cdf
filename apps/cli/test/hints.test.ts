// Every command that devs prints to be copied works.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fingerprint, Repo } from '@devs/test-kit';
import { beforeAll, describe, expect, test } from 'vitest';
import { BIN, devs } from './devs.ts';

/** The commands that devs printed to be copied, in order. */
function hints(stderr: string): string[] {
  return [
    ...stderr.matchAll(
      /(?:: +|^devs: {3})(devs (?:-C (?:'[^']*'|[^ ']+) )?(?:diff|restore|drop|status|log|run|undo|gc)[^\n]*)$/gm,
    ),
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

test('the hints of a refused restore, of what it then did, and of a snapshot work', async () => {
  const repo = Repo.withWork();
  await devs(repo.dir, 'run', '--id', 'bad', '--', 'sh', '-c', 'rm -rf dir; exit 1');
  repo.git('commit', '-qm', 'by somebody else');
  const [filesOnly] = hints((await devs(repo.dir, 'restore', 'bad')).stderr);
  type(repo.dir, filesOnly!);
  expect(repo.exists('dir/c.txt')).toBe(true);
  repo.write('dir/c.txt', 'mine');
  repo.git('reset', '-q', '--soft', 'HEAD~1');
  const [force] = hints((await devs(repo.dir, 'restore', 'bad')).stderr);
  type(repo.dir, force!);
  expect(repo.read('dir/c.txt')).toBe('not staged\n');
  const [back] = hints((await devs(repo.dir, 'snapshot', 'here')).stderr);
  const now = fingerprint(repo);
  fs.rmSync(repo.path('dir'), { recursive: true });
  const [undo] = hints((await devs(repo.dir, 'restore', 'here')).stderr);
  expect(fingerprint(repo)).toEqual(now);
  type(repo.dir, undo!);
  expect(repo.exists('dir')).toBe(false);
  type(repo.dir, back!);
  expect(fingerprint(repo)).toEqual(now);
});

test('the hints of an unknown task and an unknown run work', async () => {
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

const PROGRAMS = ['cd', 'devs', 'df', 'env', 'git', 'ls', 'mount', 'mv', 'printenv', 'rm', 'ulimit', 'unset'];

/** All argument vectors in the sources that begin with one of these programs; `word` stands for what is filled in. */
function hintsInSources(): string[][] {
  const root = path.join(import.meta.dirname, '../../..');
  const dirs = ['apps/cli/src', 'packages/db/src', 'packages/lock/src', 'packages/snapshot/src'];
  const found = new Map<string, string[]>();
  const vector = new RegExp(`\\[\\s*('(?:${PROGRAMS.join('|')})'(?:,(?:[^\\[\\]]|\\[[^\\]]*\\])*)?)\\]`, 'g');
  for (const dir of dirs) {
    for (const name of fs.readdirSync(path.join(root, dir), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue;
      const text = fs.readFileSync(path.join(root, dir, name), 'utf8');
      for (const [, program] of text.matchAll(/hint(?:: |\()\[\s*'([^']*)'/g)) expect(PROGRAMS).toContain(program);
      for (const [, inside] of text.matchAll(vector)) {
        const words = inside!.split(/,(?![^(]*\))\s*/).filter((word) => word !== '');
        const hint = words.map((word) => /^'(.*)'$/.exec(word)?.[1] ?? 'word');
        // The program alone is not a hint: it is what the others are printed with.
        if (hint.length > 1 || hint[0] === 'mount') found.set(JSON.stringify(hint), hint);
      }
    }
  }
  return [...found.values()];
}

describe('every hint in the sources is a command, and the program knows the words', () => {
  const all = hintsInSources();
  let help: string;

  beforeAll(async () => {
    help = (await devs('/', '--help')).stdout;
  });

  test('there are as many as expected', () => {
    expect(all.length).toBeGreaterThan(30);
  });

  test.each(all.map((hint) => [hint.join(' '), hint] as const))('%s', async (_, hint) => {
    const [program, ...words] = hint;
    if (program === 'devs') {
      const [command] = words;
      if (command?.startsWith('-') === true) return;
      // `devs ${verb}`: its three verbs are typed above.
      if (command === 'word') return;
      expect(help).toMatch(new RegExp(`^  ${command} `, 'm'));
      const options = words.slice(0, words.includes('--') ? words.indexOf('--') : words.length);
      const usage = (await devs('/', command!, '--help')).stdout;
      for (const option of options) if (option.startsWith('--')) expect(usage).toContain(option);
    } else if (program === 'git') {
      const subcommand = words[0] === '-C' ? words[2]! : words[0]!;
      expect(execFileSync('git', ['--list-cmds=builtins'], { encoding: 'utf8' }).split('\n')).toContain(subcommand);
    } else {
      expect(spawnSync('sh', ['-c', `command -v ${program}`]).status).toBe(0);
    }
  });
});
