import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { Repo, temporaryDirectory } from '@devs/test-kit';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BIN, devs } from './devs.ts';

/** Task names that the author of a repository chose. Whatever runs as a part of them leaves the file `trapped`. */
const NAMES = [
  "x1'; touch trapped; '",
  'x2"; touch trapped; "',
  'x3$(touch trapped)',
  'x4`touch trapped`',
  'x5; touch trapped',
  'x6 & touch trapped',
  'x7 | touch trapped',
  'x8 > trapped',
  'x9 two  spaces',
  'xa*',
  'xb{1,2}',
  'xc$HOME',
  'xd~',
  'xe!!',
  'xf\\',
  'xg # none',
  'xh:with:colons',
  'xi=$(touch trapped)',
  'xj:$(touch trapped)',
  'xk(touch trapped)',
  'xlünï ☃',
  "xm$'\\x27; touch trapped; \\x27'",
];
const HIDDEN = ['-rf', '--force', 'new\nline; touch trapped', 'esc\x1b]52;c;x\x07', 'bidi\u202e'];

let repo: Repo;
let bin: string;

beforeAll(() => {
  repo = Repo.create();
  const tasks = Object.fromEntries([...NAMES, ...HIDDEN].map((name) => [name, 'true']));
  repo.write('devs.json', JSON.stringify({ tasks }));
  // Globs would find these.
  for (const name of ['xaa', 'xab']) repo.write(name, '');
  bin = temporaryDirectory();
  // Completes as devs does; what else it is called with, it writes down.
  const fake = `#!/bin/sh
[ "$1" = complete ] && exec '${process.execPath}' '${BIN}' "$@"
printf '%s\\0' "$@" > '${bin}/writing' && mv '${bin}/writing' '${bin}/seen'
`;
  fs.writeFileSync(path.join(bin, 'devs'), fake, { mode: 0o755 });
});

beforeEach(() => fs.rmSync(repo.path('trapped'), { force: true }));

const env = () => ({ PATH: `${bin}:${process.env.PATH}`, HOME: repo.dir, LC_ALL: 'C.UTF-8', TERM: 'dumb' });
const scriptOf = async (shell: string) => (await devs(repo.dir, 'completion', shell)).stdout;
const isInstalled = (shell: string) => spawnSync(shell, ['-c', ':']).error === undefined;

test('names that no shell can show, or that would be options, are not offered', async () => {
  const { stdout } = await devs(repo.dir, 'complete', '--', 'run', '');
  expect(stdout.split('\n').slice(0, -1)).toEqual(NAMES);
});

test('nothing is said and nothing is written where anything is wrong', async () => {
  const broken = Repo.create();
  broken.write('devs.json', '{"tasks": ');
  const silent = { code: 0, stdout: '', stderr: '' };
  expect(await devs(broken.dir, 'complete', '--', 'run', '')).toMatchObject(silent);
  expect(await devs(temporaryDirectory(), 'complete', '--', 'restore', '')).toMatchObject(silent);
  broken.write('.git/HEAD', 'nonsense');
  expect(await devs(broken.dir, 'complete', '--', 'restore', '')).toMatchObject(silent);
  expect(fs.readdirSync(broken.dir).sort()).toEqual(['.git', 'devs.json']);
});

/** The words on the command line, as bash splits them. */
function completeInBash(script: string, words: readonly string[]): { line: string; seen: string[] } {
  const program = `${script}
show() { printf '%s\\0' "$@"; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_devs
typed=''
for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
  case $word in :) typed=\${typed% }:;; *) typed="$typed$word ";; esac
done
case "\${COMP_WORDS[COMP_CWORD-1]}" in :) typed=\${typed% };; esac
[[ \${COMP_WORDS[COMP_CWORD]} == : ]] && typed="\${typed% }:"
line="show $typed\${COMPREPLY[0]}"
printf '%s\\0' "$line"
eval "$line"`;
  const out = execFileSync('bash', ['-c', program, 'bash', ...words], { cwd: repo.dir, env: env(), encoding: 'utf8' });
  const [line, ...seen] = out.split('\0').slice(0, -1);
  return { line: line!, seen };
}

describe('bash', () => {
  test.each(NAMES)('%s arrives as one word, and nothing of it runs', async (name) => {
    const { seen } = completeInBash(await scriptOf('bash'), ['devs', 'run', name.slice(0, 2)]);
    expect(seen).toEqual(['run', name]);
    expect(repo.exists('trapped')).toBe(false);
  });

  test('all candidates at once, none matched against files', async () => {
    const program = `${await scriptOf('bash')}
COMP_WORDS=(devs run ''); COMP_CWORD=2; _devs; eval "printf '%s\\\\0' \${COMPREPLY[*]}"`;
    const out = execFileSync('bash', ['-c', program], { cwd: repo.dir, env: env(), encoding: 'utf8' });
    expect(out.split('\0').slice(0, -1)).toEqual(NAMES);
    expect(repo.exists('trapped')).toBe(false);
  });

  test.each([
    [['devs', 'run', 'xh', ':', 'w'], 'ith'],
    [['devs', 'run', 'xh', ':'], 'with'],
    [['devs', 'run', 'xh', ':', 'with', ':', 'c'], 'colons'],
  ])('what stands before a colon is not repeated: %j', async (words) => {
    const { seen } = completeInBash(await scriptOf('bash'), words);
    expect(seen).toEqual(['run', 'xh:with:colons'].slice(0, seen.length));
    expect(seen.at(-1)).toMatch(/colons$/);
  });

  test.each(["'x", '"x', 'x3$(touch trapped', 'x4`touch trapped', 'x\\ '])(
    '%s: what is typed is not evaluated',
    async (typed) => {
      const program = `${await scriptOf('bash')}\nCOMP_WORDS=("$@"); COMP_CWORD=2; _devs; echo "\${#COMPREPLY[@]}"`;
      const args = ['-c', program, 'bash', 'devs', 'run', typed];
      expect(execFileSync('bash', args, { cwd: repo.dir, env: env(), encoding: 'utf8' })).toBe('0\n');
      expect(repo.exists('trapped')).toBe(false);
    },
  );
});

/** Presses TAB after each beginning, and Enter, in a zsh with a terminal of its own. */
function completeInZsh(script: string, beginnings: readonly string[]): string[][] {
  const rc = path.join(bin, 'zshrc');
  fs.writeFileSync(rc, `autoload -Uz compinit; compinit -u -d '${bin}/zcompdump'\n${script}\nunsetopt beep\n`);
  const driver = `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "source '${rc}'; PS1=READY'>'"
zpty -r -m shell line '*READY>*'
for beginning in "$@"; do
  rm -f '${bin}/seen'
  zpty -n -w shell "devs run $beginning"$'\\t\\n'
  while [[ ! -e '${bin}/seen' ]]; do zpty -t shell || break; zpty -r -t shell line; done
  cat '${bin}/seen'
  printf '\\n'
done
zpty -d shell`;
  const args = ['-f', '-c', driver, 'zsh', ...beginnings];
  const out = execFileSync('zsh', args, { cwd: repo.dir, env: env(), encoding: 'utf8', timeout: 60_000 });
  return out
    .split('\0\n')
    .slice(0, -1)
    .map((words) => words.split('\0'));
}

test.skipIf(!isInstalled('zsh'))(
  'zsh: each name arrives as one word, and nothing of it runs',
  async () => {
    const beginnings = NAMES.map((name) => name.slice(0, 2));
    expect(completeInZsh(await scriptOf('zsh'), beginnings)).toEqual(NAMES.map((name) => ['run', name]));
    expect(repo.exists('trapped')).toBe(false);
  },
  60_000,
);

describe.skipIf(!isInstalled('fish'))('fish', () => {
  test.each(NAMES)('%s arrives as one word, and nothing of it runs', async (name) => {
    const program = `${await scriptOf('fish')}
function show; string join0 -- $argv; end
set -l lines (complete --do-complete "devs run ${name.slice(0, 2)}" --escape)
eval "show run $lines[1]"`;
    const args = ['--no-config', '-c', program];
    const out = execFileSync('fish', args, { cwd: repo.dir, env: env(), encoding: 'utf8' });
    expect(out.split('\0').filter(Boolean)).toEqual(['run', name]);
    expect(repo.exists('trapped')).toBe(false);
  });
});
