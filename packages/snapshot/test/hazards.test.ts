// Hazards: each a state of a repository in which work is easily lost. The real git is the judge.
import fs from 'node:fs';
import path from 'node:path';
import { Repo, temporaryDirectory } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { config, conflict, destroy, type Hazard, rename, roundTrip, status, tryGit, twoDirectories } from './hazard.ts';

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
      repo.commitAll('other');
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
      repo.commitAll('with a filter');
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
