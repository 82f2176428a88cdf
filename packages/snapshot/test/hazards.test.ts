// Hazards: each a state of a repository in which work is easily lost. The real git is the judge.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fingerprint, Repo, temporaryDirectory } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { AtomicSnapshot, AtomicSnapshotError, takeSnapshot } from '../src/index.ts';

interface Hazard {
  readonly name: string;
  /** Brings a repository with work in progress into the state. */
  readonly make: (repo: Repo) => void;
  /** What the task does to it; default: the worst. */
  readonly wreck?: (repo: Repo) => void;
  /** Starts from nothing instead of from a repository with work in progress. */
  readonly from?: () => Repo;
}

/** Runs git, which may say no: some states forbid some commands. */
function tryGit(repo: Repo, ...args: string[]): void {
  try {
    repo.git(...args);
  } catch {
    // Then the task did something less.
  }
}

/** Takes away all that a snapshot promises to bring back: tracked and untracked files, index, branch, operation. */
function destroy(repo: Repo): void {
  const names = repo.git('ls-files', '-z', '--cached', '--others', '--exclude-standard').split('\0').filter(Boolean);
  for (const name of new Set(names)) fs.rmSync(repo.path(name), { force: true, recursive: true });
  for (const operation of ['merge', 'cherry-pick', 'rebase']) tryGit(repo, operation, '--quit');
  fs.rmSync(repo.path('.git/index'), { force: true });
  tryGit(repo, 'checkout', '-q', '--orphan', 'elsewhere');
  repo.write('by the task.txt', 'all is gone');
  repo.git('add', '-f', '-A', '--', 'by the task.txt');
  repo.git('commit', '-qm', 'by the task');
}

function status(repo: Repo): string {
  return repo.git('--no-optional-locks', 'status', '--porcelain=v2', '--untracked-files=all');
}

async function roundTrip({ make, wreck = destroy, from = Repo.withWork }: Hazard): Promise<void> {
  const repo = from();
  make(repo);
  const before = fingerprint(repo);
  const statusBefore = status(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  expect(fingerprint(repo)).toEqual(before);
  wreck(repo);
  const wrecked = fingerprint(repo);
  tryGit(repo, 'reflog', 'expire', '--expire=now', '--all');
  repo.git('gc', '-q', '--prune=now');
  expect((await AtomicSnapshot.verify(repo.dir, ref)).problems).toEqual([]);
  const report = await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
  expect(status(repo)).toBe(statusBefore);
  expect(repo.git('fsck', '--no-dangling', '--no-progress')).toBe('');
  const { spared } = await AtomicSnapshot.restore(repo.dir, report.safetyRef!);
  // What was ignored in the wrecked state is not deleted by going back to it.
  const isSpared = (line: string) => spared.some((name) => line.startsWith(`file ${name} `));
  expect(fingerprint(repo).filter((line) => !isSpared(line))).toEqual(wrecked);
}

const conflict = (repo: Repo) => {
  repo.git('stash', '-q');
  repo.git('checkout', '-q', '-b', 'side');
  repo.write('a.txt', 'side\n');
  repo.git('commit', '-qam', 'side');
  repo.git('checkout', '-q', 'main');
  repo.write('a.txt', 'main\n');
  repo.git('commit', '-qam', 'main');
};
const config = (repo: Repo, ...args: string[]) => repo.git('config', ...args);
const rename = (repo: Repo, from: string, to: Buffer) =>
  fs.renameSync(repo.path(from), Buffer.concat([Buffer.from(`${repo.dir}/`), to]));

/** A repository whose files lie in two directories, of which sparse checkout keeps one. */
function twoDirectories(): Repo {
  const repo = Repo.create();
  for (const name of ['top.txt', 'in/a.txt', 'in/deep/b.txt', 'out/c.txt', 'out/deep/d.txt', 'out2/e.txt'])
    repo.write(name, `${name}\n`);
  repo.git('add', '-A');
  repo.git('commit', '-qm', 'first');
  return repo;
}

const HAZARDS: readonly Hazard[] = [
  {
    name: 'partially staged file',
    make: (repo) => {
      repo.write('dir/d.txt', 'staged\n');
      repo.git('add', 'dir/d.txt');
      repo.write('dir/d.txt', 'staged\nnot staged\n');
    },
  },
  { name: 'staged delete', make: (repo) => repo.git('rm', '-qf', 'dir/d.txt') },
  {
    name: 'staged delete of a file that is back, untracked',
    make: (repo) => repo.git('rm', '-q', '--cached', 'dir/d.txt'),
  },
  { name: 'rename', make: (repo) => repo.git('mv', 'dir/d.txt', 'moved.txt') },
  {
    name: 'intent-to-add',
    make: (repo) => {
      repo.write('intended.txt', 'not yet\n');
      repo.git('add', '--intent-to-add', 'intended.txt');
    },
  },
  { name: 'chmod only', make: (repo) => fs.chmodSync(repo.path('dir/d.txt'), 0o755) },
  {
    name: '0600 and 0400 files',
    make: (repo) => {
      repo.write('private.txt', 'mine', 0o600);
      repo.write('readonly.txt', 'mine', 0o400);
      fs.chmodSync(repo.path('dir/d.txt'), 0o600);
      fs.chmodSync(repo.path('dir'), 0o700);
    },
  },
  {
    name: 'symlink, dangling symlink',
    make: (repo) => {
      fs.symlinkSync('nowhere', repo.path('dangling'));
      fs.symlinkSync('/etc', repo.path('absolute'));
      fs.rmSync(repo.path('link'));
      fs.symlinkSync('dir', repo.path('link'));
    },
  },
  {
    name: 'file <-> directory <-> symlink flips',
    make: (repo) => {
      repo.write('flip1', 'file');
      repo.write('flip2/inside', 'directory');
      fs.symlinkSync('a.txt', repo.path('flip3'));
      repo.git('add', '-A');
    },
    wreck: (repo) => {
      fs.rmSync(repo.path('flip1'));
      repo.write('flip1/now', 'a directory');
      fs.rmSync(repo.path('flip2'), { recursive: true });
      fs.symlinkSync('dir', repo.path('flip2'));
      fs.rmSync(repo.path('flip3'));
      repo.write('flip3', 'a file');
    },
  },
  {
    name: 'empty directory',
    make: (repo) => fs.mkdirSync(repo.path('a/b/c'), { recursive: true }),
    wreck: (repo) => fs.rmSync(repo.path('a'), { recursive: true }),
  },
  {
    name: 'no first commit',
    from: Repo.create,
    make: (repo) => {
      repo.write('staged.txt', 'staged');
      repo.git('add', '-A');
      repo.write('untracked.txt', 'untracked');
    },
  },
  { name: 'no first commit and no index', from: Repo.create, make: (repo) => repo.write('untracked.txt', 'x') },
  { name: 'detached HEAD', make: (repo) => repo.git('checkout', '-q', '--detach') },
  {
    name: 'branch deleted by the task',
    make: () => {},
    wreck: (repo) => {
      repo.git('checkout', '-q', '--detach');
      repo.git('branch', '-D', 'main');
    },
  },
  { name: 'branch amended by the task', make: () => {}, wreck: (repo) => repo.git('commit', '-qam', 'x', '--amend') },
  {
    name: 'branch rebased by the task',
    make: (repo) => {
      repo.git('stash', '-qu');
      repo.git('branch', 'base');
      repo.write('b.txt', 'second\n');
      repo.git('commit', '-qam', 'second');
      repo.write('b.txt', 'in progress\n');
    },
    wreck: (repo) => {
      repo.git('commit', '-qam', 'work');
      repo.git('checkout', '-q', 'base');
      repo.write('other.txt', 'other');
      repo.git('add', '-A');
      repo.git('commit', '-qm', 'other');
      repo.git('checkout', '-q', 'main');
      repo.git('rebase', '-q', 'base');
    },
  },
  {
    name: 'branch switched by the task',
    make: () => {},
    wreck: (repo) => repo.git('checkout', '-q', '-b', 'feature'),
  },
  {
    name: 'merge in progress, unmerged index',
    make: (repo) => {
      conflict(repo);
      tryGit(repo, 'merge', 'side');
    },
  },
  {
    name: 'rebase in progress',
    make: (repo) => {
      conflict(repo);
      tryGit(repo, 'rebase', 'side');
    },
  },
  {
    name: 'cherry-pick in progress',
    make: (repo) => {
      conflict(repo);
      tryGit(repo, 'cherry-pick', 'side');
    },
  },
  {
    name: 'conflict resolved and staged',
    make: (repo) => {
      conflict(repo);
      tryGit(repo, 'merge', 'side');
      repo.write('a.txt', 'both\n');
      repo.git('add', 'a.txt');
    },
  },
  ...[2, 3, 4].map((version) => ({
    name: `index v${version}`,
    make: (repo: Repo) => {
      if (version === 3) repo.git('update-index', '--skip-worktree', 'dir/d.txt');
      repo.git('update-index', '--index-version', String(version));
    },
  })),
  {
    name: 'split index',
    make: (repo) => {
      repo.git('update-index', '--split-index');
      repo.write('a.txt', 'staged after the split\n');
      repo.write('later.txt', 'new after the split\n');
      repo.git('add', 'a.txt', 'later.txt');
      repo.git('rm', '-q', '--cached', 'dir/d.txt');
      repo.write('a.txt', 'and not staged\n');
    },
    wreck: (repo) => {
      destroy(repo);
      for (const name of fs.readdirSync(repo.path('.git'))) {
        if (name.startsWith('sharedindex.')) fs.rmSync(repo.path(`.git/${name}`));
      }
      fs.rmSync(repo.path('.git/index'));
      repo.git('read-tree', 'HEAD');
    },
  },
  {
    name: 'sparse checkout',
    from: twoDirectories,
    make: (repo) => {
      repo.git('sparse-checkout', 'set', '--cone', 'in');
      repo.write('in/a.txt', 'changed\n');
    },
  },
  {
    name: 'sparse index',
    from: twoDirectories,
    make: (repo) => {
      repo.git('sparse-checkout', 'set', '--cone', '--sparse-index', 'in');
      expect(repo.git('ls-files', '--sparse')).toContain('out/');
      repo.write('in/a.txt', 'changed\n');
      repo.write('in/new.txt', 'new\n');
      repo.git('add', 'in/new.txt');
    },
  },
  {
    name: 'index with fsmonitor',
    make: (repo) => {
      repo.write('.git/fsmonitor-hook', '#!/bin/sh\nprintf "token\\0"\n', 0o755);
      config(repo, 'core.fsmonitor', repo.path('.git/fsmonitor-hook'));
      config(repo, 'core.fsmonitorHookVersion', '2');
      repo.git('update-index', '--fsmonitor');
      repo.git('status');
      repo.write('dir/d.txt', 'changed unseen\n');
    },
    wreck: (repo) => {
      config(repo, '--unset', 'core.fsmonitor');
      destroy(repo);
      config(repo, 'core.fsmonitor', repo.path('.git/fsmonitor-hook'));
    },
  },
  {
    name: 'assume-unchanged edits',
    make: (repo) => {
      repo.git('update-index', '--assume-unchanged', 'dir/d.txt');
      repo.write('dir/d.txt', 'a local setting\n');
    },
  },
  {
    name: 'skip-worktree edits',
    make: (repo) => {
      repo.git('update-index', '--skip-worktree', 'dir/d.txt');
      repo.write('dir/d.txt', 'a local setting\n');
    },
  },
  {
    name: 'same size and restored mtime',
    make: (repo) => {
      const { atime, mtime } = fs.statSync(repo.path('dir/d.txt'));
      repo.write('dir/d.txt', 'DIR/D.TXT\n');
      fs.utimesSync(repo.path('dir/d.txt'), atime, mtime);
    },
  },
  {
    name: 'CRLF conversion',
    make: (repo) => {
      config(repo, 'core.autocrlf', 'true');
      repo.write('dir/d.txt', 'one\r\ntwo\nthree\r\n');
      repo.write('untracked crlf.txt', 'one\r\ntwo\n');
      repo.write('.gitattributes', '*.txt text eol=crlf\n');
    },
  },
  {
    name: 'filter whose tool is missing',
    make: (repo) => {
      repo.write('.gitattributes', '*.bin filter=gone\n');
      repo.write('data.bin', 'as it lies on disk\n');
      repo.git('add', '-A');
      repo.git('commit', '-qm', 'with a filter');
      config(repo, 'filter.gone.clean', '/nonexistent/tool');
      config(repo, 'filter.gone.smudge', '/nonexistent/tool');
      // Touched, not changed: git itself cannot tell without the tool.
      const file = fs.readFileSync(repo.path('data.bin'));
      fs.writeFileSync(repo.path('data.bin'), file);
    },
    wreck: (repo) => fs.rmSync(repo.path('data.bin')),
  },
  {
    name: '.gitignore edited and uncommitted, then restored',
    make: (repo) => {
      repo.write('.gitignore', '*.log\nlocal/\n');
      repo.write('local/kept.txt', 'ignored by the new rule only');
    },
    wreck: (repo) => {
      repo.git('checkout', '-q', '.gitignore');
      repo.write('a.txt', 'x');
    },
  },
  {
    name: 'info/exclude and core.excludesFile',
    make: (repo) => {
      const file = path.join(temporaryDirectory(), 'ignore');
      fs.writeFileSync(file, '*.tmp\n');
      config(repo, 'core.excludesFile', file);
      fs.appendFileSync(repo.path('.git/info/exclude'), 'private/\n');
      repo.write('x.tmp', 'ignored');
      repo.write('private/x', 'ignored');
      repo.write('seen.txt', 'not ignored');
    },
  },
  {
    name: 'core.excludesFile by a conditional include',
    make: (repo) => {
      const dir = temporaryDirectory();
      fs.writeFileSync(path.join(dir, 'ignore'), '*.tmp\n');
      fs.writeFileSync(path.join(dir, 'config'), `[core]\n\texcludesFile = ${dir}/ignore\n`);
      config(repo, `includeIf.gitdir:${path.dirname(repo.dir)}/.path`, path.join(dir, 'config'));
      config(repo, 'includeIf.onbranch:other/**.path', '/nonexistent');
      repo.write('x.tmp', 'ignored');
      expect(status(repo)).not.toContain('x.tmp');
    },
    wreck: (repo) => {
      repo.write('x.tmp', 'not captured, and so not touched');
      repo.write('a.txt', 'by the task');
      repo.write('x.tmp', 'ignored');
    },
  },
  {
    name: 'negated and nested ignore rules',
    make: (repo) => {
      repo.write('.gitignore', '*.log\n!important.log\nbuild/*\n!build/keep\n');
      repo.write('important.log', 'exists nowhere else');
      repo.write('build/keep', 'exists nowhere else');
      repo.write('build/out', 'ignored');
      repo.write('sub/.gitignore', '*\n!.gitignore\n!kept.txt\n');
      repo.write('sub/kept.txt', 'exists nowhere else');
      repo.write('sub/other.txt', 'ignored');
    },
  },
  {
    name: 'names with newline, quote, backslash, leading dash, non-UTF-8',
    make: (repo) => {
      for (const name of ['new\nline', 'quo"te', 'back\\slash', '-dash', ' space ', '*', 'tab\t', 'emoji🙂'])
        repo.write(name, name);
      repo.git('add', '-A');
      repo.write('-dash', 'changed');
      repo.write('to be renamed', 'bytes');
      rename(repo, 'to be renamed', Buffer.from([0x66, 0xff, 0xfe, 0x2e, 0x74]));
    },
    wreck: (repo) => {
      for (const name of ['new\nline', '-dash', '*']) fs.rmSync(repo.path(name));
      fs.rmSync(Buffer.concat([Buffer.from(`${repo.dir}/`), Buffer.from([0x66, 0xff, 0xfe, 0x2e, 0x74])]));
    },
  },
  {
    name: 'hard link',
    make: (repo) => {
      repo.write('one name', 'one file');
      fs.linkSync(repo.path('one name'), repo.path('another name'));
    },
    wreck: (repo) => fs.appendFileSync(repo.path('one name'), ', changed under both'),
  },
  {
    name: 'packed refs',
    make: (repo) => repo.git('pack-refs', '--all'),
    wreck: (repo) => {
      repo.git('commit', '-qam', 'by the task');
      repo.git('pack-refs', '--all');
    },
  },
  {
    name: 'multi-pack-index',
    make: (repo) => {
      repo.git('repack', '-dq');
      repo.write('later.txt', 'in a second pack');
      repo.git('add', 'later.txt');
      repo.git('repack', '-dq', '--write-midx');
    },
    wreck: (repo) => {
      destroy(repo);
      repo.git('repack', '-adq', '--write-midx', '--write-bitmap-index');
    },
  },
  {
    name: 'gc between take and restore',
    make: () => {},
    wreck: (repo) => {
      destroy(repo);
      repo.git('reflog', 'expire', '--expire=now', '--all');
      repo.git('gc', '-q', '--aggressive', '--prune=now');
    },
  },
];

describe('restore(take(state)) is the state, with', () => {
  test.each(HAZARDS)('$name', roundTrip);
});

describe('reported, and never entered:', () => {
  test.each([
    ['nested repository with commits', true],
    ['nested repository without commits', false],
  ])('%s', async (_, hasCommit) => {
    const repo = Repo.withWork();
    fs.mkdirSync(repo.path('nested'));
    const nested = new Repo(repo.path('nested'));
    nested.git('init', '-q');
    nested.write('inside.txt', 'its own');
    if (hasCommit) {
      nested.git('add', '-A');
      nested.git('commit', '-qm', 'its own');
    }
    const inside = fingerprint(nested);
    const { ref, skipped } = await takeSnapshot(repo.dir, 't');
    expect(skipped).toEqual([{ path: 'nested', reason: 'nested repository' }]);
    nested.write('inside.txt', 'changed by the task');
    const changed = fingerprint(nested);
    expect(changed).not.toEqual(inside);
    await AtomicSnapshot.restore(repo.dir, ref);
    expect(fingerprint(nested)).toEqual(changed);
  });

  test('submodule', async () => {
    const library = Repo.create();
    library.write('lib.txt', 'library');
    library.git('add', '-A');
    library.git('commit', '-qm', 'library');
    const repo = Repo.withWork();
    repo.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library.dir, 'sub');
    repo.write('sub/lib.txt', 'changed in the submodule');
    const before = fingerprint(repo);
    const { ref, skipped } = await takeSnapshot(repo.dir, 't');
    expect(skipped).toEqual([{ path: 'sub', reason: 'submodule' }]);
    repo.write('a.txt', 'by the task');
    await AtomicSnapshot.restore(repo.dir, ref);
    expect(fingerprint(repo)).toEqual(before);
  });

  test('fifo and socket', async () => {
    const repo = Repo.withWork();
    execFileSync('mkfifo', [repo.path('fifo')]);
    const server = net.createServer().listen(repo.path('socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      const { ref, skipped } = await takeSnapshot(repo.dir, 't');
      expect(skipped).toEqual([
        { path: 'fifo', reason: 'fifo' },
        { path: 'socket', reason: 'socket' },
      ]);
      repo.write('a.txt', 'by the task');
      await AtomicSnapshot.restore(repo.dir, ref);
      expect(fs.lstatSync(repo.path('fifo')).isFIFO()).toBe(true);
    } finally {
      server.close();
    }
  });
});

test('linked worktree: its own index and HEAD, shared refs and objects', async () => {
  const main = Repo.withWork();
  main.git('worktree', 'add', '-q', `${main.dir}-linked`, '-b', 'linked');
  const linked = new Repo(`${main.dir}-linked`);
  linked.write('a.txt', 'staged in the linked one\n');
  linked.git('add', 'a.txt');
  linked.write('only here.txt', 'exists nowhere else');
  const state = () => [
    status(linked),
    linked.read('a.txt'),
    linked.read('only here.txt'),
    linked.git('rev-parse', 'HEAD'),
  ];
  const before = state();
  const mainBefore = fingerprint(main);
  const ref = await AtomicSnapshot.take(linked.dir, 't');
  linked.git('commit', '-qam', 'by the task');
  fs.rmSync(linked.path('only here.txt'));
  main.git('gc', '-q', '--prune=now');
  await AtomicSnapshot.restore(linked.dir, ref);
  expect(state()).toEqual(before);
  expect(fingerprint(main)).toEqual(mainBefore);
  fs.rmSync(linked.dir, { recursive: true });
});

test('symlinked .git', async () => {
  const repo = Repo.withWork();
  const elsewhere = path.join(temporaryDirectory(), 'the.git');
  fs.renameSync(repo.path('.git'), elsewhere);
  fs.symlinkSync(elsewhere, repo.path('.git'));
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  destroy(repo);
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
  expect(fs.lstatSync(repo.path('.git')).isSymbolicLink()).toBe(true);
});

test('symlinked parent that leads outside: nothing outside is written or deleted', async () => {
  const repo = Repo.withWork();
  const outside = temporaryDirectory();
  fs.writeFileSync(path.join(outside, 'c.txt'), 'not ours');
  fs.writeFileSync(path.join(outside, 'new.txt'), 'not ours');
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  fs.rmSync(repo.path('dir'), { recursive: true });
  fs.symlinkSync(outside, repo.path('dir'));
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
  expect(fs.readdirSync(outside).map((name) => fs.readFileSync(path.join(outside, name), 'utf8'))).toEqual([
    'not ours',
    'not ours',
  ]);
});

test('index.lock held or left behind: take does not need it, restore refuses and changes nothing', async () => {
  const repo = Repo.withWork();
  const before = fingerprint(repo);
  fs.writeFileSync(repo.path('.git/index.lock'), '');
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.write('a.txt', 'by the task');
  const wrecked = fingerprint(repo);
  const error = await AtomicSnapshot.restore(repo.dir, ref).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(AtomicSnapshotError);
  expect(error).toMatchObject({ code: 'DEVS_GIT_LOCKED', message: expect.stringContaining('index.lock') });
  expect(fingerprint(repo)).toEqual(wrecked);
  fs.rmSync(repo.path('.git/index.lock'));
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
});

test('file made by someone else during the run: it goes, and the safety snapshot has it', async () => {
  const repo = Repo.withWork();
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.write('written meanwhile.txt', 'in my editor');
  const { deleted, safetyRef } = await AtomicSnapshot.restore(repo.dir, ref);
  expect(deleted).toEqual(['written meanwhile.txt']);
  await AtomicSnapshot.restore(repo.dir, safetyRef!, { paths: ['written meanwhile.txt'] });
  expect(repo.read('written meanwhile.txt')).toBe('in my editor');
});

test('tracked file that was deleted, made anew under an ignored name: it goes again', async () => {
  const repo = Repo.create();
  repo.write('d/kept', 'kept\n');
  repo.write('d/f', 'one\n');
  repo.git('add', '-A');
  repo.git('commit', '-qm', 'base');
  repo.write('.gitignore', 'd/\n');
  fs.rmSync(repo.path('d/f'));
  const before = fingerprint(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.write('d/f', 'by the task\n');
  repo.git('rm', '-q', '--cached', 'd/f');
  const { deleted, safetyRef } = await AtomicSnapshot.restore(repo.dir, ref);
  expect(deleted).toEqual(['d/f']);
  expect(fingerprint(repo)).toEqual(before);
  await AtomicSnapshot.restore(repo.dir, safetyRef!);
  expect(fs.readFileSync(repo.path('d/f'), 'utf8')).toBe('by the task\n');
});

test('other branches, tags and stash entries that the task deleted: reported, left alone, and never pruned', async () => {
  const repo = Repo.withWork();
  repo.git('branch', 'untouched');
  repo.git('tag', 'v1');
  repo.git('stash', 'push', '-q', '--', 'dir/c.txt');
  repo.write('dir/d.txt', 'stashed later');
  repo.git('stash', 'push', '-q', '--', 'dir/d.txt');
  repo.git('branch', 'unmerged', repo.git('commit-tree', '-p', 'HEAD', '-m', 'on no other branch', 'HEAD^{tree}'));
  const oid = (name: string) => repo.git('rev-parse', name);
  const [branch, newest, older] = [oid('unmerged'), oid('stash@{0}'), oid('stash@{1}')];
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.git('branch', '-D', 'unmerged');
  repo.git('tag', '-d', 'v1');
  repo.git('stash', 'clear');
  repo.git('branch', 'made by the task'.replaceAll(' ', '-'));
  const prune = () => {
    repo.git('reflog', 'expire', '--expire=now', '--all');
    repo.git('gc', '-q', '--prune=now');
  };
  prune();
  const { moved } = await AtomicSnapshot.restore(repo.dir, ref);
  expect(moved).toEqual([
    { ref: 'refs/heads/unmerged', before: branch, now: null },
    { ref: 'refs/tags/v1', before: oid('main'), now: null },
    { ref: 'stash@{0}', before: newest, now: null },
    { ref: 'stash@{1}', before: older, now: null },
    { ref: 'refs/heads/made-by-the-task', before: null, now: oid('main') },
  ]);
  // The snapshot is dropped by now: what it kept, its safety snapshot keeps.
  prune();
  repo.git('stash', 'store', older);
  repo.git('branch', 'unmerged', branch);
  expect(repo.git('stash', 'show', '--name-only', 'stash@{0}')).toContain('dir/c.txt');
});
