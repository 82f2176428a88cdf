// The configuration that is in force, with the real git as judge.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Repo, temporaryDirectory } from '@devs/test-kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { environmentFrom, findRepository } from '../src/index.ts';

type Variables = Readonly<Record<string, string>>;

/** A home directory of the test's own, and a repository that sees it. */
class Stage {
  readonly repo = Repo.create();
  readonly home = temporaryDirectory();
  readonly #variables: Variables;

  constructor(variables: Variables = {}) {
    this.#variables = variables;
  }

  get env(): Record<string, string> {
    const system = path.join(this.home, 'system');
    return { PATH: process.env.PATH!, LC_ALL: 'C', HOME: this.home, GIT_CONFIG_SYSTEM: system, ...this.#variables };
  }

  write(name: string, text: string): string {
    const file = path.join(this.home, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
    return file;
  }

  local(text: string): void {
    fs.appendFileSync(this.repo.path('.git/config'), text);
  }

  /** What `git config --list` says: scope, key and value of each entry; null where git refuses. */
  git(): string[] | null {
    const options = { cwd: this.repo.dir, env: this.env, encoding: 'utf8' as const };
    const { status, stdout } = spawnSync('git', ['config', '--list', '--show-scope', '-z'], options);
    if (status !== 0) return null;
    const fields = stdout.split('\0').slice(0, -1);
    return fields.flatMap((scope, i) => (i % 2 === 0 ? [`${scope} ${fields[i + 1]}`] : []));
  }

  ours(): string[] | null {
    try {
      const { config } = findRepository(this.repo.dir, environmentFrom(this.env));
      return config.entries().map(({ scope, key, value }) => `${scope} ${key}${value === null ? '' : `\n${value}`}`);
    } catch (error) {
      expect(error).toMatchObject({ code: 'DEVS_CONFIG_INVALID' });
      return null;
    }
  }

  agrees(): void {
    expect(this.ours()).toEqual(this.git());
  }
}

describe("the configuration in force is git's:", () => {
  test('system, XDG, user, repository, work tree, environment, in this order', () => {
    const stage = new Stage({ GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'A.Sub.KEY', GIT_CONFIG_VALUE_0: 'command' });
    stage.write('system', '[a "Sub"] key = system\n');
    stage.write('.config/git/config', '[a "Sub"] key = xdg\n');
    stage.write('.gitconfig', '[a "Sub"] key = user\n');
    stage.local('[a "Sub"] key = local\n[extensions]\n\tworktreeConfig = true\n');
    stage.repo.write('.git/config.worktree', '[a "Sub"] key = worktree\n');
    stage.agrees();
    const { config } = findRepository(stage.repo.dir, environmentFrom(stage.env));
    expect(config.all('a.Sub.key')).toEqual(['system', 'xdg', 'user', 'local', 'worktree', 'command']);
    expect(config.allTrusted('a.Sub.key')).toEqual(['system', 'xdg', 'user', 'command']);
  });

  test.each<[string, Variables]>([
    ['XDG_CONFIG_HOME', { XDG_CONFIG_HOME: 'xdg' }],
    ['XDG_CONFIG_HOME, empty', { XDG_CONFIG_HOME: '' }],
    ['GIT_CONFIG_GLOBAL', { GIT_CONFIG_GLOBAL: 'other' }],
    ['GIT_CONFIG_GLOBAL, empty', { GIT_CONFIG_GLOBAL: '' }],
    ['GIT_CONFIG_GLOBAL=/dev/null', { GIT_CONFIG_GLOBAL: '/dev/null' }],
    ['GIT_CONFIG_NOSYSTEM', { GIT_CONFIG_NOSYSTEM: '1' }],
    ['GIT_CONFIG_NOSYSTEM=false', { GIT_CONFIG_NOSYSTEM: 'false' }],
    ['GIT_CONFIG_SYSTEM', { GIT_CONFIG_SYSTEM: 'other' }],
    ['GIT_CONFIG_COUNT that asks for too much', { GIT_CONFIG_COUNT: '2', GIT_CONFIG_KEY_0: 'a.b' }],
    ['GIT_CONFIG_COUNT that is no number', { GIT_CONFIG_COUNT: 'x' }],
    ['GIT_CONFIG_COUNT, empty', { GIT_CONFIG_COUNT: '' }],
    ['a key that is none', { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'ab', GIT_CONFIG_VALUE_0: '' }],
    ['GIT_CONFIG_PARAMETERS', { GIT_CONFIG_PARAMETERS: "'a.b'='it'\\''s' 'A.x Y.C'= 'old.Style=v=w' 'd.e'" }],
    ['GIT_CONFIG_PARAMETERS, not quoted', { GIT_CONFIG_PARAMETERS: 'a.b=c' }],
  ])('%s', (_, variables) => {
    const home = temporaryDirectory();
    for (const name of ['xdg/git/config', 'other']) {
      fs.mkdirSync(path.dirname(path.join(home, name)), { recursive: true });
      fs.writeFileSync(path.join(home, name), `[from]\n${path.basename(name)} = 1\n`);
    }
    const isName = (value: string) => value === 'xdg' || value === 'other';
    const absolute = Object.entries(variables).map(([k, v]) => [k, isName(v) ? path.join(home, v) : v] as const);
    const stage = new Stage(Object.fromEntries(absolute));
    stage.write('system', '[a] system = 1\n');
    stage.write('.gitconfig', '[a] user = 1\n');
    stage.write('.config/git/config', '[a] xdg = 1\n');
    stage.agrees();
  });

  test('no home at all', () => {
    const stage = new Stage();
    const { HOME: _, ...env } = stage.env;
    expect(findRepository(stage.repo.dir, environmentFrom(env)).config.keys()).toBeDefined();
  });

  test.each([
    ['gitdir:', 'gitdir:**/.git'],
    ['gitdir: of a directory', 'gitdir:~/repo/'],
    ['gitdir: of another', 'gitdir:~/other/'],
    ['gitdir: relative to the file', 'gitdir:./repo/'],
    ['gitdir: by its name', 'gitdir:repo/.git'],
    ['gitdir: in another case', 'gitdir:REPO/.git'],
    ['gitdir/i:', 'gitdir/i:REPO/.git'],
    ['onbranch:', 'onbranch:main'],
    ['onbranch: of a folder', 'onbranch:ma*/'],
    ['onbranch: of another', 'onbranch:x'],
    ['hasconfig:', 'hasconfig:remote.*.url:https://example.com/**'],
    ['hasconfig: of another', 'hasconfig:remote.*.url:https://example.org/**'],
    ['an unknown one', 'weather:fine'],
    ['gitdir: without a pattern', 'gitdir:'],
  ])('includeIf %s', (_, condition) => {
    const stage = new Stage();
    fs.cpSync(stage.repo.dir, path.join(stage.home, 'repo'), { recursive: true });
    fs.rmSync(stage.repo.dir, { recursive: true });
    fs.symlinkSync(path.join(stage.home, 'repo'), stage.repo.dir);
    stage.write('.gitconfig', `[before] a = 1\n[includeIf "${condition}"]\npath = inc\n[after] a = 1\n`);
    stage.write('inc', '[included] yes = 1\n[user] name = x\n');
    stage.local('[remote "origin"]\nurl = https://example.com/x/y\n');
    stage.agrees();
  });

  test('a file that hasconfig: includes may set no URL', () => {
    const stage = new Stage();
    stage.write('.gitconfig', '[includeIf "hasconfig:remote.*.url:**"]\npath = inc\n');
    stage.write('inc', '[remote "a"]\nurl = x\n');
    stage.agrees();
    expect(stage.ours()).toBeNull();
  });

  test('included files: relative, nested, missing, in a home directory, ten deep and eleven deep', () => {
    for (const depth of [10, 11]) {
      const stage = new Stage();
      stage.write('.gitconfig', '[include] path = d/0\n[include] path = nowhere\n[include]\npath = ~/tilde\n');
      for (let i = 0; i < depth; i++) stage.write(`d/${i}`, `[n${i}] a = 1\n[include] path = ${i + 1}\n`);
      stage.write('tilde', '[tilde] a = 1\n');
      stage.agrees();
      // The last of them is the file that does not exist.
      stage.write(`d/${depth}`, '[last] a = 1\n');
      stage.agrees();
    }
  });

  test.each([
    ['an escape that is none', '[a]\nb = \\x\n'],
    ['a quote that never ends', '[a]\nb = "x\n'],
    ['a section that never ends', '[a\nb = 1\n'],
    ['a key that begins with a digit', '[a]\n1b = 1\n'],
    ['text', 'hello world\n'],
    ['an include without a path', '[include]\npath\n'],
    ['an include of an unknown user', '[include]\npath = ~no-such-user-here/x\n'],
  ])('refused, naming file and line: %s', (_, text) => {
    const stage = new Stage();
    stage.write('.gitconfig', text);
    expect(stage.git()).toBeNull();
    expect(stage.ours()).toBeNull();
    expect(() => findRepository(stage.repo.dir, environmentFrom(stage.env))).toThrow('.gitconfig');
  });

  test('generated files', () => {
    const piece = fc.constantFrom(
      ...['[a]', '[a "b"]', '[a "B\\"\\\\c"]', '[A.b]', '[a.B "c"]', '[', ']', '\n', '\n', '\n', '\r\n', '=', ' = '],
      ...[
        'k',
        'K2',
        'long-key',
        ' ',
        '"',
        '"a b"',
        '\\',
        '\\n',
        '\\\\',
        '\\"',
        '\\\n',
        '#',
        ';',
        'x',
        '  ',
        '\\q',
        '1',
      ],
      ...[
        '[include]\npath = nowhere\n',
        'constructor',
        '__proto__ = 1',
        '[__proto__]',
        '[constructor "toString"]',
        'ü',
      ],
    );
    const line = fc.tuple(
      fc.constantFrom('k', 'K-1', 'k', '[x]\n k'),
      fc.constantFrom('=', ' = ', ''),
      fc.array(piece, { maxLength: 4 }),
    );
    const lines = fc.array(
      fc.oneof(
        line.map(([a, b, c]) => `${a}${b}${c.join('')}\n`),
        piece,
      ),
      { maxLength: 6 },
    );
    const stage = new Stage();
    fc.assert(
      fc.property(fc.constantFrom('', '\ufeff'), lines, (first, rest) => {
        stage.write('.gitconfig', `${first}[s]\n${rest.join('')}`);
        stage.agrees();
      }),
      { numRuns: Number(process.env.DEVS_TEST_CASES ?? 150) },
    );
  });
});

describe('a hostile configuration ends:', () => {
  test.each<[string, (file: string) => void]>([
    ['it includes itself', (file) => fs.writeFileSync(file, '[include]\npath = .gitconfig\n')],
    ['a fifo', (file) => execFileSync('mkfifo', [file])],
    ['a directory', (file) => fs.mkdirSync(file)],
    ['a device without end', (file) => fs.symlinkSync('/dev/zero', file)],
    ['a circle of links', (file) => fs.symlinkSync('.gitconfig', file)],
    ['a file of 65 MiB', (file) => fs.closeSync(fs.openSync(file, 'w')) ?? fs.truncateSync(file, 65 * 1024 * 1024)],
    [
      'a tree of includes',
      (file) => {
        const dir = path.dirname(file);
        fs.writeFileSync(file, '[include]\npath = t0\n');
        for (let i = 0; i < 9; i++)
          fs.writeFileSync(path.join(dir, `t${i}`), `[include]\npath = t${i + 1}\n`.repeat(30));
        fs.writeFileSync(path.join(dir, 't9'), '');
      },
    ],
  ])('%s', (_, make) => {
    const stage = new Stage();
    make(path.join(stage.home, '.gitconfig'));
    const started = Date.now();
    expect(() => findRepository(stage.repo.dir, environmentFrom(stage.env))).toThrow(
      expect.objectContaining({ code: 'DEVS_CONFIG_INVALID' }),
    );
    expect(Date.now() - started).toBeLessThan(5_000);
  });
});

test('values of the repository are not trusted', () => {
  const stage = new Stage();
  stage.write('.gitconfig', '[core]\npager = mine\n');
  stage.local('[core]\npager = theirs\n[core]\neditor = theirs\n');
  const { config } = findRepository(stage.repo.dir, environmentFrom(stage.env));
  expect(config.get('core.pager')).toBe('theirs');
  expect(config.trusted('core.pager')).toBe('mine');
  expect(config.trusted('core.editor')).toBeUndefined();
});

test('a key without a value: true as a boolean, refused as a text', () => {
  const stage = new Stage();
  stage.local('[core]\nignorecase\npager\n');
  const { config } = findRepository(stage.repo.dir, environmentFrom(stage.env));
  expect(config.bool('core.ignorecase', false)).toBe(true);
  expect(() => config.get('core.pager')).toThrow(expect.objectContaining({ code: 'DEVS_CONFIG_INVALID' }));
});
