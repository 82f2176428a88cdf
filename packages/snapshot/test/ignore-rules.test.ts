import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { Repo } from '@devs/test-kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TreeIgnoreRules } from '../src/scan/ignore-rules.ts';

/** The paths among `paths` that the real git calls ignored. */
function ignoredByGit(repo: Repo, paths: readonly string[]): string[] {
  try {
    const input = Buffer.from(paths.map((path) => `${path}\0`).join(''), 'latin1');
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
    return text === undefined ? null : Buffer.from(text, 'latin1');
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

/** Byte paths: one character a byte. */
const ODD_PATHS = [
  ...[
    'a',
    'A',
    'b',
    'aab',
    'aaab',
    'a.b',
    'a b',
    'a ',
    'a\\',
    '[a',
    ']',
    'a]',
    '-',
    'a-b',
    '!',
    '#',
    '^',
    '*',
    '?',
    '~',
  ],
  ...[
    '\xc3\xa9',
    '\xe9',
    '\xc3\x89',
    'a\x01',
    'a\t',
    'Zz',
    '9',
    '_',
    '[:x',
    'dir/',
    'dir/a',
    'dir/B',
    'dir/d/',
    'dir/d/a',
  ],
  ...['dir/d/aab', 'Dir/', 'Dir/a', 'x/', 'x/y/', 'x/y/z/', 'x/y/z/a', 'x/y/z/b', 'x/a\r', 'x/*', '\xef\xbb\xbfa'],
];

function onDisk(repo: Repo, path: string): Buffer {
  return Buffer.from(`${repo.dir}/${path}`, 'latin1');
}

/** A repository with all of the odd paths. */
function oddRepo(): Repo {
  const repo = Repo.create();
  for (const path of ODD_PATHS) {
    const isDirectory = path.endsWith('/');
    const dir = isDirectory ? path : path.slice(0, path.lastIndexOf('/') + 1);
    fs.mkdirSync(onDisk(repo, dir), { recursive: true });
    if (!isDirectory) fs.writeFileSync(onDisk(repo, path), '');
  }
  return repo;
}

describe('ignores as git does: generated files', () => {
  const part = fc.constantFrom(
    ...[
      'a',
      'A',
      'b',
      'x',
      'y',
      'z',
      'dir',
      'd',
      '*',
      '*',
      '**',
      '**/',
      '/**',
      '?',
      '/',
      '/',
      '.',
      '-',
      ' ',
      '\\ ',
      '\t',
    ],
    ...[
      '[ab]',
      '[!a]',
      '[^a-c]',
      '[A-Z]',
      '[a-]',
      '[]a]',
      '[]-a]',
      '[[:alpha:]]',
      '[[:upper:]]',
      '[[:x:]]',
      '[[:]',
      '[a-\\z]',
    ],
    ...[
      '[\\]]',
      '[[:space:][:digit:]]',
      '[a',
      '[',
      ']',
      '[!]',
      '[z-a]',
      '[--0]',
      '[/]',
      '[!/]',
      '[\x80-\xff]',
      '[[:alpha:]-z]',
    ],
    ...[
      '\\',
      '\\a',
      '\\A',
      '\\*',
      '\\?',
      '\\[',
      '\\/',
      '\\\\',
      '\xe9',
      '\xc3\xa9',
      '\xef',
      '\x00',
      '\r',
      '#',
      '!',
      '\x01',
    ],
  );
  const line = fc
    .tuple(
      fc.constantFrom('', '', '', '!', '/', '\\', '#', ' '),
      fc.array(part, { maxLength: 6 }),
      fc.constantFrom('', '', '/', ' ', '  ', '\r', '\\ ', '\\  ', '\\'),
    )
    .map(([first, parts, last]) => first + parts.join('') + last);
  const file = fc
    .tuple(
      fc.constantFrom('', '', '\xef\xbb\xbf', '\xef\xbb'),
      fc.array(line, { maxLength: 4 }),
      fc.constantFrom('\n', '\r\n', ''),
    )
    .map(([start, lines, end]) => start + lines.join('\n') + end);

  test.each([false, true])('core.ignoreCase %s', (ignoreCase) => {
    const repo = oddRepo();
    repo.git('config', 'core.ignoreCase', String(ignoreCase));
    const bare = ODD_PATHS.map((path) => path.replace(/\/$/, ''));
    fc.assert(
      fc.property(file, file, (top, nested) => {
        fs.writeFileSync(repo.path('.gitignore'), Buffer.from(top, 'latin1'));
        fs.writeFileSync(repo.path('dir/.gitignore'), Buffer.from(nested, 'latin1'));
        const files: Record<string, string> = { '': top, dir: nested };
        const rules = new TreeIgnoreRules({ global: null, info: null }, ignoreCase, (dir) => {
          const text = files[dir];
          return text === undefined ? null : Buffer.from(text, 'latin1');
        });
        const ours = ODD_PATHS.filter((path) => rules.ignores(path.replace(/\/$/, ''), path.endsWith('/')));
        expect(ours.map((path) => path.replace(/\/$/, ''))).toEqual(ignoredByGit(repo, bare));
      }),
      { numRuns: Number(process.env.DEVS_TEST_CASES ?? 150) },
    );
  });
});

describe('no pattern takes long', () => {
  /** Milliseconds for 1 000 names. */
  function timeOf(pattern: string, name: string): number {
    const rules = new TreeIgnoreRules({ global: Buffer.from(`${pattern}\n`), info: null }, false, () => null);
    const started = performance.now();
    for (let i = 0; i < 1_000; i++) rules.ignores(name, false);
    return performance.now() - started;
  }

  test.each([
    ['*a*a*a*a*b', 'a'.repeat(255)],
    ['*a*a*a*a*a*a*a*a*a*a*a*a*b*', 'a'.repeat(255)],
    [`${'**/'.repeat(1_000)}b`, 'a/'.repeat(100)],
    [`/${'**/a*a*/'.repeat(10)}b*`, 'aaa/'.repeat(60)],
    ['[a'.repeat(1_000), 'a'.repeat(255)],
  ])('%s', (pattern, name) => {
    timeOf(pattern, name);
    expect(timeOf(pattern, name)).toBeLessThan(2_000);
  });

  test('many stars, a thousand names: under 50 ms', () => {
    timeOf('*a*a*a*a*b', 'a'.repeat(255));
    expect(Math.min(...[1, 2, 3].map(() => timeOf('*a*a*a*a*b', 'a'.repeat(255))))).toBeLessThan(50);
  });

  test('a file of patterns alone', () => {
    const started = performance.now();
    const rules = new TreeIgnoreRules(
      { global: Buffer.from('a*b\n'.repeat(5_000_000)), info: null },
      false,
      () => null,
    );
    expect(rules.ignores('ab', false)).toBe(true);
    expect(rules.ignores('x', false)).toBe(false);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
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
