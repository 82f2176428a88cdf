import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fingerprint, Repo, temporaryDirectory } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { AtomicSnapshot, AtomicSnapshotError, type Progress, takeSnapshot } from '../src/index.ts';

const digest = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex');

/** Everything in the git directory that `take` must not change. */
function gitFiles(repo: Repo): string[] {
  const lines: string[] = [];
  const walk = (dir: string) => {
    for (const entry of fs.readdirSync(path.join(repo.dir, dir), { withFileTypes: true })) {
      const name = `${dir}/${entry.name}`;
      if (['.git/objects', '.git/refs/devs', '.git/devs'].includes(name)) continue;
      if (entry.isDirectory()) walk(name);
      else lines.push(`${name} ${fs.statSync(repo.path(name)).mtimeMs} ${digest(fs.readFileSync(repo.path(name)))}`);
    }
  };
  walk('.git');
  return lines;
}

/** What a task that does its worst might leave. */
function wreck(repo: Repo): void {
  repo.git('stash', 'push', '-qu');
  repo.git('stash', 'drop', '-q');
  repo.git('checkout', '-q', '-b', 'elsewhere');
  fs.rmSync(repo.path('dir'), { recursive: true });
  repo.write('dir', 'a file now');
  fs.rmSync(repo.path('link'));
  repo.write('link/deep/file', 'a directory now');
  repo.commitAll('by the task');
  repo.git('branch', '-q', '-f', 'main', 'HEAD');
  repo.write('left behind.txt', 'by the task');
}

describe('take', () => {
  test('changes nothing but the object store, its own ref and the directory of devs', async () => {
    const repo = Repo.withWork();
    const state = () => [
      repo.git('--no-optional-locks', 'status', '--porcelain=v2'),
      fingerprint(repo),
      gitFiles(repo),
    ];
    const before = state();
    const ref = await AtomicSnapshot.take(repo.dir, 'fmt');
    expect(ref).toMatch(/^refs\/devs\/snapshots\/[^/]+$/);
    expect(state()).toEqual(before);
    expect(repo.refs()).toEqual([ref]);
    expect(repo.git('stash', 'list')).toBe('');
  });

  test('is a commit shaped as a stash, with four parents and the label in its subject', async () => {
    const repo = Repo.withWork();
    const ref = await AtomicSnapshot.take(repo.dir, 'fmt');
    expect(repo.git('log', '-1', '--format=%s', ref)).toBe('devs-snapshot-fmt');
    const parents = repo.git('log', '-1', '--format=%P', ref).split(' ');
    expect(parents).toHaveLength(4);
    expect(parents[0]).toBe(repo.git('rev-parse', 'HEAD'));
    expect(repo.git('rev-parse', `${ref}^2^{tree}`)).toBe(repo.git('write-tree'));
    expect(repo.git('ls-tree', '-r', '--name-only', `${ref}^3`).split('\n')).toHaveLength(4);
    expect(repo.git('ls-tree', '--name-only', `${ref}^4`).split('\n')).toEqual([
      'HEAD',
      'ignore',
      'index',
      'manifest.json',
      'refs',
      'surroundings.json',
    ]);
  });

  test('holds the same trees as git stash create', async () => {
    const repo = Repo.withWork();
    // A file removed from the index alone is untracked to us; stash create puts it back among the tracked ones.
    repo.git('add', 'b.txt');
    const ref = await AtomicSnapshot.take(repo.dir, 'fmt');
    const stash = repo.git('stash', 'create');
    expect(repo.git('rev-parse', `${ref}^2^{tree}`)).toBe(repo.git('rev-parse', `${stash}^2^{tree}`));
    expect(repo.git('rev-parse', `${ref}^{tree}`)).toBe(repo.git('rev-parse', `${stash}^{tree}`));
  });

  test('on a clean tree still makes a snapshot', async () => {
    const repo = Repo.create();
    repo.write('a', 'a');
    repo.git('add', 'a');
    repo.git('commit', '-qm', 'a');
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    expect(repo.git('rev-parse', `${ref}^{tree}`)).toBe(repo.git('rev-parse', 'HEAD^{tree}'));
  });

  test('passes git fsck and survives gc --prune=now', async () => {
    const repo = Repo.withWork();
    const before = fingerprint(repo);
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    expect(repo.git('fsck', '--strict', '--no-dangling')).toBe('');
    repo.git('gc', '-q', '--prune=now');
    repo.git('pack-refs', '--all');
    wreck(repo);
    await AtomicSnapshot.restore(repo.dir, ref);
    expect(fingerprint(repo)).toEqual(before);
  });

  test('refuses a file it cannot read to the end, and leaves no ref', async () => {
    const repo = Repo.withWork();
    const child = execFileSync('sh', ['-c', 'while :; do echo x >> growing; done >/dev/null 2>&1 & echo $!'], {
      cwd: repo.dir,
    });
    try {
      while (!repo.exists('growing')) await new Promise((resolve) => setTimeout(resolve, 1));
      const outcome = await AtomicSnapshot.take(repo.dir, 't').catch((e: unknown) => e);
      // Either a snapshot of one moment or the error that names the file: never a partial snapshot.
      if (outcome instanceof AtomicSnapshotError) {
        expect(outcome.code).toBe('DEVS_FILE_CHANGED');
        expect(outcome.message).toContain('growing');
        expect(repo.refs()).toEqual([]);
      } else expect(repo.git('cat-file', '-t', `${outcome}^3:growing`)).toBe('blob');
    } finally {
      process.kill(Number(String(child)), 'SIGKILL');
    }
  });
});

describe('restore', () => {
  test('brings everything back bit for bit, and drops the snapshot', async () => {
    const repo = Repo.withWork();
    const before = fingerprint(repo);
    const status = repo.git('status', '--porcelain=v2', '--branch', '--ignored');
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    wreck(repo);
    const report = await AtomicSnapshot.restore(repo.dir, ref);
    expect(fingerprint(repo)).toEqual(before);
    expect(repo.git('status', '--porcelain=v2', '--branch', '--ignored')).toBe(status);
    expect(report.dropped).toBe(true);
    expect(repo.refs()).toEqual([report.safetyRef]);
    expect(repo.git('fsck', '--strict', '--no-dangling')).toBe('');
  });

  test('can itself be undone, exactly, by restoring the safety snapshot', async () => {
    const repo = Repo.withWork();
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    wreck(repo);
    const wrecked = fingerprint(repo);
    const { safetyRef } = await AtomicSnapshot.restore(repo.dir, ref);
    await AtomicSnapshot.restore(repo.dir, safetyRef!);
    expect(fingerprint(repo)).toEqual(wrecked);
  });

  test('leaves unchanged files untouched, times included', async () => {
    const repo = Repo.withWork();
    const before = fs.statSync(repo.path('script.sh'));
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    repo.write('a.txt', 'changed');
    await AtomicSnapshot.restore(repo.dir, ref);
    const after = fs.statSync(repo.path('script.sh'));
    expect([after.ino, after.mtimeMs, after.ctimeMs]).toEqual([before.ino, before.mtimeMs, before.ctimeMs]);
  });

  test('moves branch and HEAD back, with lines in their logs', async () => {
    const repo = Repo.withWork();
    const tip = repo.git('rev-parse', 'HEAD');
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    repo.git('commit', '-qam', 'by the task');
    await AtomicSnapshot.restore(repo.dir, ref);
    expect(repo.git('rev-parse', 'main')).toBe(tip);
    expect(repo.git('reflog', '-1', '--format=%gs', 'main')).toMatch(/^devs: restore /);
    expect(repo.git('reflog', '-1', '--format=%gs', 'HEAD')).toMatch(/^devs: restore /);
  });

  test('with `after` refuses when somebody else moved HEAD, naming the commits and changing nothing', async () => {
    const repo = Repo.withWork();
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    repo.write('dir/c.txt', 'by the run');
    const after = await AtomicSnapshot.take(repo.dir, 't', { kind: 'after' });
    repo.git('commit', '-qam', 'by somebody else');
    const moved = fingerprint(repo);
    for (const known of [after, null]) {
      await expect(AtomicSnapshot.restore(repo.dir, ref, { after: known })).rejects.toMatchObject({
        code: 'DEVS_HEAD_MOVED',
        message: expect.stringContaining('by somebody else'),
        data: { commits: [{ subject: 'by somebody else' }] },
      });
    }
    expect(fingerprint(repo)).toEqual(moved);
    expect(repo.refs()).toEqual([ref, after]);
    await AtomicSnapshot.restore(repo.dir, ref, { after, filesOnly: true });
    expect(repo.git('log', '-1', '--format=%s')).toBe('by somebody else');
    expect(repo.read('a.txt')).toBe('staged\nand not staged\n');
  });

  test('with `after` refuses to overwrite files and an index that changed since, naming them; others may change', async () => {
    const repo = Repo.withWork();
    const before = fingerprint(repo);
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    repo.write('dir/c.txt', 'by the run');
    repo.write('made.txt', 'by the run');
    fs.rmSync(repo.path('untracked.txt'));
    const after = await AtomicSnapshot.take(repo.dir, 't', { kind: 'after' });
    repo.write('made.txt', 'by the run, and by me');
    repo.write('dir/d.txt', 'by me');
    repo.git('add', 'dir/d.txt');
    const now = fingerprint(repo);
    await expect(AtomicSnapshot.restore(repo.dir, ref, { after })).rejects.toMatchObject({
      code: 'DEVS_CHANGED_SINCE',
      data: { files: ['dir/d.txt', 'made.txt'], index: true, operation: false },
    });
    expect(fingerprint(repo)).toEqual(now);
    expect(repo.refs()).toEqual([ref, after]);
    await AtomicSnapshot.restore(repo.dir, ref, { after, paths: ['dir/c.txt'] });
    expect(repo.read('dir/c.txt')).toBe('not staged\n');
    const { safetyRef } = await AtomicSnapshot.restore(repo.dir, ref);
    expect(fingerprint(repo)).toEqual(before);
    await AtomicSnapshot.restore(repo.dir, safetyRef!);
    expect(repo.read('made.txt')).toBe('by the run, and by me');
  });

  test('a restore is undone by its safety snapshot, which proves by its target that nothing happened since', async () => {
    const repo = Repo.withWork();
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    repo.write('dir/c.txt', 'by the run');
    const run = fingerprint(repo);
    const { safetyRef, oid } = await AtomicSnapshot.restore(repo.dir, ref);
    repo.git('gc', '-q', '--prune=now');
    repo.write('dir/c.txt', 'by me');
    await expect(AtomicSnapshot.restore(repo.dir, safetyRef!, { after: oid })).rejects.toMatchObject({
      code: 'DEVS_CHANGED_SINCE',
      data: { files: ['dir/c.txt'] },
    });
    repo.write('dir/c.txt', 'not staged\n');
    await AtomicSnapshot.restore(repo.dir, safetyRef!, { after: oid });
    expect(fingerprint(repo)).toEqual(run);
  });

  test('ownBytes counts what no other snapshot and no commit of theirs holds', async () => {
    const repo = Repo.create();
    repo.write('a', 'x'.repeat(1_000));
    repo.commitAll('first');
    repo.write('big', 'y'.repeat(10_000));
    const first = await AtomicSnapshot.take(repo.dir, 't');
    repo.write('more', 'z'.repeat(100_000));
    const second = await AtomicSnapshot.take(repo.dir, 't');
    const all = await AtomicSnapshot.ownBytes(repo.dir, [first, second], []);
    const own = await AtomicSnapshot.ownBytes(repo.dir, [second], [first]);
    // The rest is git's state, a few hundred bytes.
    expect(all).toBeGreaterThan(110_000);
    expect(all).toBeLessThan(115_000);
    expect(own).toBeGreaterThanOrEqual(100_000);
    expect(own).toBeLessThan(105_000);
  });

  test('with `since` what a task hid by a new ignore rule is captured; with trailers it says what else the caller knows', async () => {
    const repo = Repo.withWork();
    const before = await AtomicSnapshot.take(repo.dir, 't');
    repo.write('made.txt', 'by the run');
    repo.write('more.log', 'ignored before and now');
    repo.write('.gitignore', '*.log\nmade.txt\nuntracked.txt\n');
    const trailers = { Command: 'rm -rf\nall', Outcome: 'failed 7' };
    const after = await AtomicSnapshot.take(repo.dir, 't', { kind: 'after', since: before, trailers });
    expect(repo.git('ls-tree', '-r', '--name-only', `${after}^3`).split('\n')).toEqual(
      expect.arrayContaining(['made.txt', 'untracked.txt']),
    );
    expect(repo.git('ls-tree', '-r', '--name-only', `${after}^3`)).not.toContain('more.log');
    expect(await AtomicSnapshot.show(repo.dir, after)).toMatchObject({
      kind: 'after',
      trailers: { Kind: 'after', Command: 'rm -rf all', Outcome: 'failed 7' },
    });
  });

  test('some paths only', async () => {
    const repo = Repo.withWork();
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    repo.write('dir/c.txt', 'task');
    repo.write('dir/extra.txt', 'task');
    repo.write('a.txt', 'task');
    const report = await AtomicSnapshot.restore(repo.dir, ref, { paths: ['dir'] });
    expect(report).toMatchObject({ written: ['dir/c.txt'], deleted: ['dir/extra.txt'], dropped: false });
    expect(repo.read('a.txt')).toBe('task');
    expect(repo.read('dir/c.txt')).toBe('not staged\n');
  });

  test('dryRun says what would be done and does nothing', async () => {
    const repo = Repo.withWork();
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    wreck(repo);
    const wrecked = fingerprint(repo);
    const report = await AtomicSnapshot.restore(repo.dir, ref, { dryRun: true });
    expect(report.written).toContain('untracked.txt');
    expect(report.deleted).toEqual(expect.arrayContaining(['dir', 'left behind.txt', 'link/deep/file']));
    expect(fingerprint(repo)).toEqual(wrecked);
    expect(repo.refs()).toEqual([ref]);
  });

  test('with an object missing fails before anything is touched', async () => {
    const repo = Repo.withWork();
    repo.write('untracked.txt', 'the only new object of the second snapshot\n');
    await AtomicSnapshot.take(repo.dir, 'fills the pack');
    repo.write('untracked.txt', 'lost\n');
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    const oid = repo.git('rev-parse', `${ref}^3:untracked.txt`);
    wreck(repo);
    const wrecked = fingerprint(repo);
    fs.rmSync(repo.path(`.git/objects/${oid.slice(0, 2)}/${oid.slice(2)}`));
    await expect(AtomicSnapshot.restore(repo.dir, ref)).rejects.toMatchObject({ code: 'DEVS_OBJECT_MISSING' });
    expect(fingerprint(repo)).toEqual(wrecked);
    expect(repo.refs()).toContain(ref);
  });

  test('under a held index.lock fails before anything is touched', async () => {
    const repo = Repo.withWork();
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    wreck(repo);
    repo.write('.git/index.lock', '');
    const wrecked = fingerprint(repo);
    await expect(AtomicSnapshot.restore(repo.dir, ref)).rejects.toMatchObject({ code: 'DEVS_GIT_LOCKED' });
    expect(fingerprint(repo)).toEqual(wrecked);
    expect(repo.refs()).toEqual([ref]);
    expect(AtomicSnapshot.hasPendingRestore(repo.dir)).toBe(false);
  });

  test('never deletes what the snapshot ignored, even when the task removed .gitignore', async () => {
    const repo = Repo.withWork();
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    fs.rmSync(repo.path('.gitignore'));
    repo.write('more.log', 'came later');
    const { spared } = await AtomicSnapshot.restore(repo.dir, ref);
    expect(spared).toEqual(['ignored.log', 'more.log']);
    expect(repo.read('ignored.log')).toBe('ignored\n');
    expect(repo.read('more.log')).toBe('came later');
  });

  test('refuses to replace a directory that holds an ignored file', async () => {
    const repo = Repo.withWork();
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    fs.rmSync(repo.path('untracked.txt'));
    repo.write('untracked.txt/precious.log', 'ignored, so no snapshot holds it');
    await expect(AtomicSnapshot.restore(repo.dir, ref)).rejects.toMatchObject({ code: 'DEVS_RESTORE_OBSTRUCTED' });
    expect(repo.read('untracked.txt/precious.log')).toContain('no snapshot');
  });

  test('a symlinked parent never leads outside', async () => {
    const repo = Repo.withWork();
    const outside = temporaryDirectory();
    fs.writeFileSync(path.join(outside, 'c.txt'), 'outside');
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    fs.rmSync(repo.path('dir'), { recursive: true });
    fs.symlinkSync(outside, repo.path('dir'));
    await AtomicSnapshot.restore(repo.dir, ref);
    expect(fs.readFileSync(path.join(outside, 'c.txt'), 'utf8')).toBe('outside');
    expect(fs.lstatSync(repo.path('dir')).isDirectory()).toBe(true);
    expect(repo.read('dir/c.txt')).toBe('not staged\n');
  });
});

test('progress counts up to the total, of a take and of a restore', async () => {
  const repo = Repo.withWork();
  const seen = new Map<string, { done: number; total: number }>();
  const onProgress = ({ phase, done, total }: Progress) => {
    expect(done).toBeGreaterThanOrEqual(seen.get(phase)?.done ?? 0);
    expect(done).toBeLessThanOrEqual(total);
    seen.set(phase, { done, total });
  };
  const { ref } = await takeSnapshot(repo.dir, 't', { onProgress });
  expect([...seen.keys()]).toEqual(['scan', 'store', 'write']);
  expect(seen.get('store')).toEqual({ done: 6, total: 6 });
  wreck(repo);
  seen.clear();
  await AtomicSnapshot.restore(repo.dir, ref, { onProgress });
  expect([...seen.keys()]).toEqual(['scan', 'store', 'write', 'prove', 'apply']);
});

describe('the rescue path: the real git alone', () => {
  test('git stash apply --index recovers the same work in a fresh checkout', async () => {
    const repo = Repo.withWork();
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    const clone = new Repo();
    clone.git('clone', '-q', repo.dir, '.');
    clone.git('fetch', '-q', 'origin', `${ref}:${ref}`);
    clone.git('stash', 'apply', '-q', '--index', ref);
    expect(clone.git('diff', '--cached')).toBe(repo.git('diff', '--cached'));
    expect(clone.git('diff')).toBe(repo.git('diff'));
    expect(clone.read('untracked.txt')).toBe('exists nowhere else\n');
    expect(clone.read('new dir/ünïcode ☃.txt')).toBe('untracked too\n');
    expect(repo.git('stash', 'show', '-u', '--name-only', ref)).toContain('untracked.txt');
  });
});
