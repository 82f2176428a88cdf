import fs from 'node:fs';
import { Repo } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';

describe('list, show, drop', () => {
  test('list names what was taken, drop removes it, loose or packed', async () => {
    const repo = Repo.withWork();
    const first = await AtomicSnapshot.take(repo.dir, 'one', { kind: 'before', runId: 'r1' });
    const second = await AtomicSnapshot.take(repo.dir, 'two');
    expect(await AtomicSnapshot.list(repo.dir)).toMatchObject([
      { ref: first, label: 'one', kind: 'before', runId: 'r1' },
      { ref: second, label: 'two', kind: 'manual', runId: null },
    ]);
    expect((await AtomicSnapshot.show(repo.dir, first)).head.branch).toBe('refs/heads/main');
    repo.git('pack-refs', '--all');
    await AtomicSnapshot.drop(repo.dir, first);
    expect(repo.refs()).toEqual([second]);
    await expect(AtomicSnapshot.drop(repo.dir, first)).rejects.toMatchObject({ code: 'DEVS_SNAPSHOT_NOT_FOUND' });
    await AtomicSnapshot.drop(repo.dir, second);
    expect(repo.refs('')).toEqual(['refs/heads/main']);
    expect(repo.git('fsck', '--strict', '--no-dangling')).toBe('');
  });

  test('diff names what changed', async () => {
    const repo = Repo.withWork();
    const before = await AtomicSnapshot.take(repo.dir, 't');
    repo.write('a.txt', 'changed');
    repo.write('added.txt', 'new');
    fs.rmSync(repo.path('untracked.txt'));
    fs.chmodSync(repo.path('script.sh'), 0o644);
    const after = await AtomicSnapshot.take(repo.dir, 't');
    expect(await AtomicSnapshot.diff(repo.dir, before, after)).toEqual([
      { path: 'a.txt', status: 'modified' },
      { path: 'added.txt', status: 'added' },
      { path: 'script.sh', status: 'mode changed' },
      { path: 'untracked.txt', status: 'deleted' },
    ]);
  });
});

describe('refused by name, with nothing written', () => {
  test.each([
    ['not a repository', [], 'DEVS_NOT_A_REPOSITORY'],
    ['bare', ['init', '-q', '--bare'], 'DEVS_BARE_REPOSITORY'],
    ['SHA-256', ['init', '-q', '--object-format=sha256'], 'DEVS_SHA256_REPOSITORY'],
  ])('%s', async (_, init, code) => {
    const repo = new Repo();
    if (init.length > 0) repo.git(...init);
    const names = fs.readdirSync(repo.dir);
    await expect(AtomicSnapshot.take(repo.dir, 't')).rejects.toMatchObject({ name: 'AtomicSnapshotError', code });
    expect(fs.readdirSync(repo.dir)).toEqual(names);
  });

  test('reftable', async () => {
    const repo = Repo.withWork();
    // git before 2.45 cannot make one; this is what it looks like.
    repo.git('config', 'core.repositoryFormatVersion', '1');
    fs.appendFileSync(repo.path('.git/config'), '[extensions]\n\trefStorage = reftable\n');
    await expect(AtomicSnapshot.take(repo.dir, 't')).rejects.toMatchObject({ code: 'DEVS_REFTABLE_REPOSITORY' });
  });
});
