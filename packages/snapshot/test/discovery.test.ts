// Which repository, and which work tree: with the real git as judge.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { isRoot, NOBODY, Repo, temporaryDirectory } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { AtomicSnapshotError, environmentFrom, findRepository } from '../src/index.ts';

type Variables = Readonly<Record<string, string>>;

function environment(variables: Variables = {}): Record<string, string> {
  return { PATH: process.env.PATH!, LC_ALL: 'C', HOME: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', ...variables };
}

/** Work tree, git directory and common directory by the real git; null where it refuses. */
function byGit(cwd: string, variables: Variables): string[] | null {
  const args = ['rev-parse', '--path-format=absolute', '--show-toplevel', '--git-dir', '--git-common-dir'];
  const { status, stdout } = spawnSync('git', args, { cwd, env: environment(variables), encoding: 'utf8' });
  return status === 0
    ? stdout
        .trimEnd()
        .split('\n')
        .map((dir) => fs.realpathSync(dir))
    : null;
}

/** The same by us; the code of the refusal where there is one. */
function byUs(cwd: string, variables: Variables): string[] | string {
  try {
    const { root, gitDir, commonDir } = findRepository(cwd, environmentFrom(environment(variables)));
    return [root, gitDir, commonDir];
  } catch (error) {
    if (!(error instanceof AtomicSnapshotError)) throw error;
    return error.code;
  }
}

/** A directory, and the variables that hold there. */
type Make = () => readonly [cwd: string, variables?: Variables];

const nested = (repo: Repo): string => {
  fs.mkdirSync(repo.path('a/b'), { recursive: true });
  return repo.path('a/b');
};

const submodule = (): Repo => {
  const library = Repo.create();
  library.write('lib.txt', 'library');
  library.commitAll('library');
  const repo = Repo.create();
  repo.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library.dir, 'sub');
  return repo;
};

describe('as git finds it:', () => {
  test.each<[string, Make]>([
    ['from below', () => [nested(Repo.create())]],
    [
      'a linked work tree',
      () => {
        const repo = Repo.withWork();
        repo.git('worktree', 'add', '-q', `${repo.dir}-linked`, '-b', 'linked');
        return [`${repo.dir}-linked`];
      },
    ],
    [
      'a symlinked .git',
      () => {
        const repo = Repo.create();
        fs.renameSync(repo.path('.git'), `${repo.dir}.git`);
        fs.symlinkSync(`${repo.dir}.git`, repo.path('.git'));
        return [repo.dir];
      },
    ],
    [
      'a separate git directory',
      () => {
        const dir = temporaryDirectory();
        execFileSync('git', ['init', '-q', '--separate-git-dir', path.join(dir, 'g'), path.join(dir, 'w')]);
        return [path.join(dir, 'w')];
      },
    ],
    ['a submodule', () => [submodule().path('sub')]],
    [
      'a directory reached through a link',
      () => {
        const repo = Repo.create();
        const link = path.join(temporaryDirectory(), 'link');
        fs.symlinkSync(nested(repo), link);
        return [link];
      },
    ],
    [
      'an empty .git inside of a repository',
      () => {
        const repo = Repo.create();
        fs.mkdirSync(repo.path('a/b/.git'), { recursive: true });
        return [repo.path('a/b')];
      },
    ],
    [
      'a dangling .git inside of a repository',
      () => {
        const repo = Repo.create();
        fs.symlinkSync('nowhere', path.join(nested(repo), '.git'));
        return [repo.path('a/b')];
      },
    ],
    [
      'core.worktree',
      () => {
        const repo = Repo.create();
        repo.git('config', 'core.worktree', '../a');
        return [nested(repo)];
      },
    ],
    [
      'core.worktree above',
      () => {
        const repo = new Repo(path.join(temporaryDirectory(), 'r'));
        fs.mkdirSync(repo.dir);
        repo.git('init', '-q');
        repo.git('config', 'core.worktree', '../..');
        return [repo.dir];
      },
    ],
    [
      'core.worktree without a version',
      () => {
        const repo = Repo.create();
        repo.write('.git/config', '[core]\nworktree = /\nbare = true\n');
        return [repo.dir];
      },
    ],
    [
      'core.worktree of config.worktree',
      () => {
        const repo = Repo.create();
        repo.git('config', 'extensions.worktreeConfig', 'true');
        repo.git('config', '--worktree', 'core.worktree', '../a');
        return [nested(repo)];
      },
    ],
    [
      'core.worktree in a linked work tree',
      () => {
        const repo = Repo.withWork();
        repo.git('worktree', 'add', '-q', `${repo.dir}-linked`, '-b', 'linked');
        repo.git('config', 'core.worktree', '/');
        return [`${repo.dir}-linked`];
      },
    ],
    [
      'core.bare in a linked work tree',
      () => {
        const repo = Repo.withWork();
        repo.git('worktree', 'add', '-q', `${repo.dir}-linked`, '-b', 'linked');
        repo.git('config', 'core.bare', 'true');
        return [`${repo.dir}-linked`];
      },
    ],
    ['GIT_DIR', () => [temporaryDirectory(), { GIT_DIR: Repo.create().path('.git') }]],
    ['GIT_DIR, relative', () => [Repo.create().dir, { GIT_DIR: '.git' }]],
    [
      'GIT_DIR of a .git file',
      () => {
        const repo = submodule();
        return [repo.path('sub'), { GIT_DIR: repo.path('sub/.git') }];
      },
    ],
    [
      'GIT_DIR and GIT_WORK_TREE',
      () => {
        const tree = Repo.create();
        return [nested(tree), { GIT_DIR: Repo.create().path('.git'), GIT_WORK_TREE: tree.dir }];
      },
    ],
    [
      'GIT_DIR of a bare repository, and GIT_WORK_TREE',
      () => {
        const bare = path.join(temporaryDirectory(), 'bare');
        execFileSync('git', ['init', '-q', '--bare', bare]);
        const dir = temporaryDirectory();
        return [dir, { GIT_DIR: bare, GIT_WORK_TREE: '.' }];
      },
    ],
    [
      'GIT_WORK_TREE alone',
      () => {
        const repo = Repo.create();
        return [nested(repo), { GIT_WORK_TREE: repo.path('a') }];
      },
    ],
    [
      'GIT_COMMON_DIR',
      () => {
        const repo = Repo.create();
        return [repo.dir, { GIT_COMMON_DIR: Repo.create().path('.git') }];
      },
    ],
    [
      'a ceiling above',
      () => {
        const repo = Repo.create();
        return [nested(repo), { GIT_CEILING_DIRECTORIES: `relative:${path.dirname(repo.dir)}` }];
      },
    ],
    [
      'a ceiling that is where one stands',
      () => {
        const dir = nested(Repo.create());
        return [dir, { GIT_CEILING_DIRECTORIES: dir }];
      },
    ],
    [
      'an old HEAD that is a link',
      () => {
        const repo = Repo.withWork();
        fs.rmSync(repo.path('.git/HEAD'));
        fs.symlinkSync('refs/heads/main', repo.path('.git/HEAD'));
        return [repo.dir];
      },
    ],
  ])('%s', (_, make) => {
    const [cwd, variables = {}] = make();
    const expected = byGit(cwd, variables);
    expect(expected).not.toBeNull();
    expect(byUs(cwd, variables)).toEqual(expected);
  });
});

describe('refused, as git refuses:', () => {
  test.each<[string, string, Make]>([
    ['no repository', 'DEVS_NOT_A_REPOSITORY', () => [temporaryDirectory()]],
    [
      'a bare repository',
      'DEVS_BARE_REPOSITORY',
      () => {
        const dir = temporaryDirectory();
        execFileSync('git', ['init', '-q', '--bare', dir]);
        return [dir];
      },
    ],
    ['inside of the git directory', 'DEVS_BARE_REPOSITORY', () => [Repo.create().path('.git')]],
    [
      'core.bare',
      'DEVS_BARE_REPOSITORY',
      () => {
        const repo = Repo.create();
        repo.git('config', 'core.bare', 'true');
        return [repo.dir];
      },
    ],
    [
      'a .git file without a path',
      'DEVS_NOT_A_REPOSITORY',
      () => {
        const repo = Repo.create();
        fs.writeFileSync(path.join(nested(repo), '.git'), 'gitdir: \n');
        return [repo.path('a/b')];
      },
    ],
    [
      'a .git file that is text',
      'DEVS_NOT_A_REPOSITORY',
      () => {
        const repo = Repo.create();
        fs.writeFileSync(path.join(nested(repo), '.git'), 'hello\n');
        return [repo.path('a/b')];
      },
    ],
    [
      'a .git file of a work tree that is gone',
      'DEVS_NOT_A_REPOSITORY',
      () => {
        const repo = Repo.create();
        fs.writeFileSync(path.join(nested(repo), '.git'), `gitdir: ${repo.path('.git/worktrees/gone')}\n`);
        return [repo.path('a/b')];
      },
    ],
    [
      'a ceiling between',
      'DEVS_NOT_A_REPOSITORY',
      () => {
        const repo = Repo.create();
        return [nested(repo), { GIT_CEILING_DIRECTORIES: repo.dir }];
      },
    ],
    ['GIT_DIR that is none', 'DEVS_NOT_A_REPOSITORY', () => [Repo.create().dir, { GIT_DIR: '/dev/null/none' }]],
    ['GIT_DIR, empty', 'DEVS_NOT_A_REPOSITORY', () => [Repo.create().dir, { GIT_DIR: '' }]],
    [
      'GIT_DIR of a bare repository',
      'DEVS_BARE_REPOSITORY',
      () => {
        const dir = temporaryDirectory();
        execFileSync('git', ['init', '-q', '--bare', dir]);
        return [temporaryDirectory(), { GIT_DIR: dir }];
      },
    ],
    [
      'core.worktree that does not exist',
      'DEVS_NOT_A_REPOSITORY',
      () => {
        const repo = Repo.create();
        repo.git('config', 'core.worktree', '/dev/null/none');
        return [repo.dir];
      },
    ],
    [
      'an unknown extension',
      'DEVS_REPOSITORY_FORMAT',
      () => {
        const repo = Repo.create();
        repo.git('config', 'core.repositoryFormatVersion', '1');
        repo.git('config', 'extensions.ofTomorrow', 'true');
        return [repo.dir];
      },
    ],
  ])('%s', (_, code, make) => {
    const [cwd, variables = {}] = make();
    expect(byGit(cwd, variables)).toBeNull();
    expect(byUs(cwd, variables)).toBe(code);
  });
});

describe('refused, although git goes on:', () => {
  test.each<[string, string, Make]>([
    [
      'a work tree elsewhere, by GIT_WORK_TREE',
      'DEVS_OUTSIDE_WORK_TREE',
      () => [Repo.create().dir, { GIT_WORK_TREE: temporaryDirectory() }],
    ],
    [
      'a work tree elsewhere, by core.worktree',
      'DEVS_OUTSIDE_WORK_TREE',
      () => {
        const repo = Repo.create();
        repo.git('config', 'core.worktree', temporaryDirectory());
        return [repo.dir];
      },
    ],
    [
      'a work tree inside of the git directory',
      'DEVS_BARE_REPOSITORY',
      () => {
        const repo = Repo.create();
        return [repo.path('.git/hooks'), { GIT_DIR: repo.path('.git') }];
      },
    ],
    [
      'a bare repository that lies in a clone, and says where its work tree is',
      'DEVS_BARE_REPOSITORY',
      () => {
        const repo = Repo.create();
        execFileSync('git', ['init', '-q', '--bare', repo.path('embedded')]);
        execFileSync('git', ['-C', repo.path('embedded'), 'config', 'core.bare', 'false']);
        execFileSync('git', ['-C', repo.path('embedded'), 'config', 'core.worktree', '..']);
        return [repo.path('embedded')];
      },
    ],
    [
      'objects elsewhere',
      'DEVS_OBJECT_DIRECTORY',
      () => [Repo.create().dir, { GIT_OBJECT_DIRECTORY: temporaryDirectory() }],
    ],
    [
      'a fifo called .git',
      'DEVS_NOT_A_REPOSITORY',
      () => {
        const repo = Repo.create();
        execFileSync('mkfifo', [path.join(nested(repo), '.git')]);
        return [repo.path('a/b')];
      },
    ],
    [
      'a circle of links called .git',
      'DEVS_NOT_A_REPOSITORY',
      () => {
        const repo = Repo.create();
        fs.symlinkSync('.git', path.join(nested(repo), '.git'));
        return [repo.path('a/b')];
      },
    ],
    ['a directory that is gone', 'DEVS_DIRECTORY_MISSING', () => [path.join(Repo.create().dir, 'gone')]],
  ])('%s', (_, code, make) => {
    const [cwd, variables = {}] = make();
    expect(byUs(cwd, variables)).toBe(code);
  });
});

test.each([
  ['HEAD is gone', (repo: Repo) => fs.rmSync(repo.path('.git/HEAD'))],
  ['HEAD is damaged', (repo: Repo) => repo.write('.git/HEAD', 'x\n')],
])('%s: still the repository to restore, not another one above', (_, damage) => {
  const outer = Repo.create();
  const repo = new Repo(outer.path('inner'));
  fs.mkdirSync(repo.dir);
  repo.git('init', '-q');
  damage(repo);
  expect(byUs(repo.dir, {})).toEqual([repo.dir, repo.path('.git'), repo.path('.git')]);
});

test('found again from anywhere inside, by what it was found with', () => {
  const repo = Repo.create();
  const found = findRepository(repo.dir, environmentFrom(environment({ GIT_DIR: '.git', GIT_WORK_TREE: '.' })));
  const again = findRepository(nested(repo), found.environment);
  expect([again.root, again.gitDir]).toEqual([found.root, found.gitDir]);
});

describe.skipIf(!isRoot())('a repository of another user', () => {
  /** A repository with one part that belongs to another user. */
  function foreign(part: string): Repo {
    const repo = Repo.create();
    fs.lchownSync(repo.path(part), NOBODY, NOBODY);
    return repo;
  }

  const home = (text: string): string => {
    const dir = temporaryDirectory();
    fs.writeFileSync(path.join(dir, '.gitconfig'), text);
    return dir;
  };

  test.each(['.', '.git'])('is refused where %s is theirs', (part) => {
    const repo = foreign(part);
    expect(byGit(repo.dir, {})).toBeNull();
    expect(() => findRepository(repo.dir)).toThrow(
      expect.objectContaining({
        code: 'DEVS_UNSAFE_REPOSITORY',
        message: expect.stringContaining(`${NOBODY}`),
        hint: ['git', 'config', '--global', '--add', 'safe.directory', repo.dir],
        data: { path: path.join(repo.dir, part), owner: NOBODY, uid: 0 },
      }),
    );
  });

  test('is refused where only the .git file is theirs, or the directory behind a link', () => {
    const repo = submodule();
    fs.chownSync(repo.path('sub/.git'), NOBODY, NOBODY);
    expect(byGit(repo.path('sub'), {})).toBeNull();
    expect(byUs(repo.path('sub'), {})).toBe('DEVS_UNSAFE_REPOSITORY');
    const linked = Repo.create();
    fs.renameSync(linked.path('.git'), `${linked.dir}.git`);
    fs.symlinkSync(`${linked.dir}.git`, linked.path('.git'));
    fs.chownSync(`${linked.dir}.git`, NOBODY, NOBODY);
    expect(byUs(linked.dir, {})).toBe('DEVS_UNSAFE_REPOSITORY');
  });

  test('is refused where core.worktree leads to their files', () => {
    const repo = Repo.create();
    const dir = temporaryDirectory();
    fs.renameSync(repo.dir, path.join(dir, 'r'));
    fs.chownSync(dir, NOBODY, NOBODY);
    execFileSync('git', ['config', '-f', path.join(dir, 'r/.git/config'), 'core.worktree', '../..']);
    expect(byUs(path.join(dir, 'r'), {})).toBe('DEVS_UNSAFE_REPOSITORY');
  });

  test('is not one where sudo made its owner root', () => {
    const repo = foreign('.git');
    expect(byGit(repo.dir, { SUDO_UID: `${NOBODY}` })).not.toBeNull();
    expect(byUs(repo.dir, { SUDO_UID: `${NOBODY}` })).toEqual(byGit(repo.dir, { SUDO_UID: `${NOBODY}` }));
    expect(byUs(repo.dir, { SUDO_UID: '12345' })).toBe('DEVS_UNSAFE_REPOSITORY');
  });

  // Git 2.39 knows neither a folder's star nor links in the value; newer ones do (git-config(1)).
  test.each<[string, boolean, (dir: string) => string]>([
    ['its path', true, (dir) => `directory = ${dir}`],
    ['everything', true, () => 'directory = *'],
    ['a folder', true, (dir) => `directory = ${path.dirname(dir)}/*`],
    ['another path', false, (dir) => `directory = ${dir}x`],
    ['its parent', false, (dir) => `directory = ${path.dirname(dir)}`],
    ['nothing any more', false, (dir) => `directory = ${dir}\ndirectory =`],
    ['its path, after a reset', true, (dir) => `directory =\ndirectory = ${dir}`],
    ['a key that stands alone', false, () => 'directory'],
    ['the prefix', false, () => 'directory = %(prefix)/x'],
    ['a path that is relative', false, () => 'directory = .git'],
  ])('is safe when the user says so: %s', (_, isSafe, say) => {
    const repo = foreign('.git');
    const HOME = home(`[safe]\n${say(repo.dir)}\n`);
    expect(byUs(repo.dir, { HOME })).toEqual(
      isSafe ? [repo.dir, repo.path('.git'), repo.path('.git')] : 'DEVS_UNSAFE_REPOSITORY',
    );
    if (!say(repo.dir).endsWith('/*')) expect(byGit(repo.dir, { HOME }) !== null).toBe(isSafe);
  });

  test('is safe by the environment, and never by its own word', () => {
    const repo = foreign('.git');
    fs.appendFileSync(repo.path('.git/config'), '[safe]\ndirectory = *\n');
    expect(byUs(repo.dir, {})).toBe('DEVS_UNSAFE_REPOSITORY');
    const command = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' };
    expect(byUs(repo.dir, command)).not.toBe('DEVS_UNSAFE_REPOSITORY');
    expect(byGit(repo.dir, command)).not.toBeNull();
  });

  test('is not asked about where GIT_DIR names it', () => {
    const repo = foreign('.git');
    const variables = { GIT_DIR: repo.path('.git') };
    expect(byUs(repo.dir, variables)).toEqual(byGit(repo.dir, variables));
  });

  test('its configuration is not even read', () => {
    const repo = foreign('.git');
    fs.writeFileSync(repo.path('.git/config'), 'no configuration at all');
    expect(byUs(repo.dir, {})).toBe('DEVS_UNSAFE_REPOSITORY');
  });
});
