import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { Repo } from '@devs/test-kit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TreeIgnoreRules } from '../src/scan/ignore-rules.ts';

/** The paths among `paths` that the real git calls ignored. */
function ignoredByGit(repo: Repo, paths: readonly string[]): string[] {
  try {
    const input = paths.map((path) => `${path}\0`).join('');
    const out = execFileSync('git', ['check-ignore', '--stdin', '-z', '--no-index'], { cwd: repo.dir, input });
    return out.toString('latin1').split('\0').filter(Boolean);
  } catch (error) {
    if ((error as { status?: number }).status === 1) return [];
    throw error;
  }
}

function ignoredByUs(files: Readonly<Record<string, string>>, paths: readonly string[]): string[] {
  const rules = new TreeIgnoreRules({ global: null, info: null }, false, (dir) => {
    const text = files[dir];
    return text === undefined ? null : Buffer.from(text);
  });
  return paths.filter((path) => rules.ignores(path.replace(/\/$/, ''), path.endsWith('/')));
}

const PATHS = [
  'a',
  'b.log',
  'a.log',
  'dir/',
  'dir/a',
  'dir/b.log',
  'dir/sub/',
  'dir/sub/a',
  'dir/sub/x.y',
  'x/dir/a',
  'x/y/z/a',
  'foo bar',
  '#c',
  '!n',
  'A',
  'a]',
  'a-b',
  '[a',
];

function check(repo: Repo, top: string, nested: string): void {
  repo.write('.gitignore', top);
  repo.write('dir/.gitignore', nested);
  for (const path of PATHS) {
    if (path.endsWith('/')) fs.mkdirSync(repo.path(path), { recursive: true });
    else repo.write(path, '');
  }
  const bare = (path: string) => path.replace(/\/$/, '');
  expect(ignoredByUs({ '': top, dir: nested }, PATHS).map(bare)).toEqual(ignoredByGit(repo, PATHS.map(bare)));
}

test.each([
  ['comments and blank lines', '# a\n\n\\#c\n', ''],
  ['negation, and a name that begins with an exclamation mark', '*.log\n!b.log\n\\!n\n', ''],
  ['anchored and not', '/a\nsub\n', ''],
  ['directories only', 'sub/\na/\n', ''],
  ['nothing is re-included below an ignored directory', 'dir/\n!dir/a\n', '!a\n'],
  ['a nested file over its parent', '*.log\n', '!b.log\n'],
  ['stars', 'x/**/a\n**/x.y\ndir/**\n', ''],
  ['a star does not cross a slash', 'x/*/a\ndir/*\n', ''],
  ['an anchored star', '/*a\n/*.log\n', ''],
  ['classes', '[ab].log\n[!a]-b\na[]]\n[[:upper:]]\n', ''],
  ['trailing spaces', 'a   \nfoo\\ bar \n', ''],
  ['carriage returns', '*.log\r\na\r\n', ''],
  ['a class that never ends matches nothing', '[a\na\n', ''],
])('ignores as git does: %s', (_, top, nested) => {
  check(Repo.create(), top, nested);
});

test('ignores as git does: generated patterns', () => {
  const part = fc.constantFrom(
    'a',
    'b',
    'x',
    'dir',
    'sub',
    '*',
    '**',
    '?',
    '.log',
    '[ab]',
    '[!x]',
    '/',
    '/',
    '\\a',
    '-',
    '.y',
  );
  const line = fc
    .tuple(fc.constantFrom('', '', '!', '/'), fc.array(part, { minLength: 1, maxLength: 5 }))
    .map(([first, parts]) => first + parts.join(''));
  const file = fc.array(line, { maxLength: 4 }).map((lines) => `${lines.join('\n')}\n`);
  const repo = Repo.create();
  fc.assert(
    fc.property(file, file, (top, nested) => check(repo, top, nested)),
    { numRuns: Number(process.env.DEVS_TEST_CASES ?? 300) },
  );
});
