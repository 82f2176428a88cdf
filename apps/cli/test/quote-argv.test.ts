// A printed command is one command with exactly the words that were meant, whatever names a repository supplies.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { Repo, temporaryDirectory } from '@devs/test-kit';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Hint, isCoded } from '../src/base/errors.ts';
import { quoteArgv } from '../src/base/quote-argv.ts';
import { findTask } from '../src/config/tasks-file.ts';
import { Terminal } from '../src/output/terminal.ts';
import { devs, start } from './devs.ts';

const HOSTILE = [
  "it's",
  "'; touch pwned; '",
  '$(touch pwned)',
  '`touch pwned`',
  '; touch pwned',
  '& touch pwned &',
  '| touch pwned',
  '> pwned',
  '\n touch pwned',
  'a\ttab',
  'back\\slash',
  "\\'; touch pwned #",
  '"quoted"',
  '!history',
  '~',
  '~root',
  '=ls',
  '%1',
  '*',
  '?',
  '[a-z]*',
  '{a,b}',
  'a=b',
  '#comment',
  '-rf',
  '--',
  '',
  ' ',
  '\u001b]52;c;cHduZWQ=\u0007',
  '\u009b31m',
  '\u0001\u007f',
  '\u202egnp.exe',
  'zero\u200bwidth',
  'line\u2028separator',
  'no\u00a0break',
  "\u001b'\\0551",
  'ünïcödé',
  '日本語',
  '😀',
];

/** Directories of programs that print their words as JSON, before the real ones. */
let bin: string;

beforeAll(() => {
  bin = temporaryDirectory();
  const script = `#!${process.execPath}\nconsole.log(JSON.stringify([require('node:path').basename(process.argv[1]), ...process.argv.slice(2)]));\n`;
  for (const name of ['devs', 'df', 'git', 'ls', 'mv', 'rm']) {
    fs.writeFileSync(path.join(bin, name), script, { mode: 0o755 });
  }
});

/** The commands that a shell makes of `line`, as their words. */
function typed(shell: string, line: string, cwd: string = bin): string[][] {
  const env = { PATH: `${bin}:${process.env.PATH}`, HOME: '/nonexistent' };
  const stdout = execFileSync(shell, ['-c', line], { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((text) => JSON.parse(text));
}

const SHELLS = ['bash', 'zsh', 'ksh', 'sh'].filter((shell) => spawnSync(shell, ['-c', ':']).status === 0);

/** A shell that does not know `$'...'` yet, such as an old dash, is not asked for it. */
const knowsEscapes = (shell: string) => typed(shell, "devs $'\\101'")[0]![1] === 'A';

describe.each(SHELLS)('%s reads a quoted vector as its words', (shell) => {
  test('one hostile word at a time', () => {
    const escapes = knowsEscapes(shell);
    for (const word of HOSTILE) {
      const line = quoteArgv(['devs', 'run', '--', word, 'last']);
      if (line.includes("$'") && !word.includes('$') && !escapes) continue;
      expect(typed(shell, line)).toEqual([['devs', 'run', '--', word, 'last']]);
    }
    expect(fs.existsSync(path.join(bin, 'pwned'))).toBe(false);
  });

  test('all of them, and random words of their characters', () => {
    if (!knowsEscapes(shell)) return;
    expect(typed(shell, quoteArgv(['git', ...HOSTILE]))).toEqual([['git', ...HOSTILE]]);
    const characters = [...HOSTILE.join('')];
    let seed = 7;
    const next = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    const random = () => Array.from({ length: next(12) }, () => characters[next(characters.length)]).join('');
    const argv = ['rm', ...Array.from({ length: 400 }, random)];
    expect(typed(shell, quoteArgv(argv))).toEqual([argv]);
  });
});

test('no control character, line break or invisible character is in a quoted line', () => {
  expect(quoteArgv(['git', ...HOSTILE])).not.toMatch(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u00a0]/u);
});

test('ordinary words stay as they are', () => {
  const argv = ['devs', 'restore', '20260101T000000000Z-ab12cd34', '--files-only', './a_b/c.txt', 'refs/heads/x@1'];
  expect(quoteArgv(argv)).toBe(argv.join(' '));
  expect(quoteArgv(['A=1', 'b=c'])).toBe("'A=1' b=c");
});

test('the program that the user calls is quoted, too', () => {
  for (const dir of HOSTILE) {
    const terminal = new Terminal({ json: false, quiet: false, verbose: false, program: ['devs', '-C', dir] });
    const words: Hint = ['devs', 'restore', 'x'];
    expect(typed('bash', terminal.hint(words))).toEqual([['devs', '-C', dir, 'restore', 'x']]);
  }
});

/** The last line that devs said, which is the hint. */
function hintOf(stderr: string): string {
  return stderr
    .trimEnd()
    .split('\n')
    .at(-1)!
    .replace(/^devs: {3}/, '');
}

describe('names from a hostile repository', () => {
  const names = HOSTILE.filter((name) => name !== '' && !name.includes('/'));

  test('a script with such a name is suggested as one word, or not at all', async () => {
    const repo = Repo.withWork();
    const suggested = () => {
      try {
        findTask('zzz', repo.dir, repo.dir);
      } catch (error) {
        if (isCoded(error)) return error.hint!;
      }
      throw new Error('no coded error');
    };
    for (const name of [...names, 'nul\u0000byte', '']) {
      repo.write('package.json', JSON.stringify({ scripts: { [name]: 'true' } }));
      const isTypeable = name !== '' && !name.startsWith('-') && !name.includes('\u0000');
      expect(suggested()).toEqual(isTypeable ? ['devs', 'run', name] : ['devs', 'init']);
    }
    const name = "-x'; touch pwned #";
    repo.write('package.json', JSON.stringify({ scripts: { [name]: 'true', [name.slice(1)]: 'true' } }));
    const example = /try: (.*)$/m.exec((await devs(repo.dir, 'init')).stderr)![1]!;
    expect(typed('bash', example)).toEqual([['devs', 'run', name.slice(1)]]);
    const { stderr } = await devs(repo.dir, 'run', 'zzz');
    expect(typed('bash', hintOf(stderr))).toEqual([['devs', 'run', name.slice(1)]]);
  });

  test('a directory with such a name is named as one word', async () => {
    const top = temporaryDirectory();
    for (const name of ["'; touch pwned; '", '\n touch pwned', '$(touch pwned)', '\u001b]52;c;cHduZWQ=\u0007']) {
      const dir = path.join(top, name);
      fs.mkdirSync(dir);
      execFileSync('git', ['init', '-q', dir]);
      const { stderr } = await devs(top, '-C', dir, 'show', 'zzz');
      expect(typed('bash', hintOf(stderr))).toEqual([['devs', '-C', dir, 'log']]);
      fs.mkdirSync(path.join(dir, 'devs.json'));
      const { stderr: json } = await start(top, ['--json', '-C', dir, 'run', 'zzz']).ended;
      expect(typed('bash', JSON.parse(json.trim()).hint)).toEqual([['ls', '-l', path.join(dir, 'devs.json')]]);
      fs.rmSync(dir, { recursive: true });
    }
  });

  test('a branch with such a name comes back by the command that was printed', async () => {
    const repo = Repo.withWork();
    const branches = names.filter((name) => spawnSync('git', ['check-ref-format', `refs/heads/x${name}`]).status === 0);
    expect(branches.length).toBeGreaterThan(10);
    for (const name of branches) repo.git('branch', `x${name}`);
    const oid = repo.git('rev-parse', 'HEAD').trim();
    // A restore names ten at most.
    for (let from = 0; from < branches.length; from += 10) {
      const some = branches.slice(from, from + 10);
      const remove = ['branch', '-D', ...some.map((name) => `x${name}`)];
      await devs(repo.dir, 'run', '--id', 'bad', '--', 'sh', '-c', 'git "$@"; exit 1', 'sh', ...remove);
      const { stderr } = await devs(repo.dir, 'restore', 'bad');
      const lines = [...stderr.matchAll(/^devs: {3}(git .*)$/gm)].map(([, line]) => line!);
      const wanted = some.map((name) => ['git', 'update-ref', `refs/heads/x${name}`, oid]);
      expect(new Set(lines.flatMap((line) => typed('bash', line)).map(String))).toEqual(new Set(wanted.map(String)));
    }
  });

  test('an error whose hint is not a vector has no type', () => {
    // @ts-expect-error A string is no hint: nobody quoted it.
    const hint: Hint = 'rm -rf x';
    expect(isCoded(hint)).toBe(false);
  });
});
