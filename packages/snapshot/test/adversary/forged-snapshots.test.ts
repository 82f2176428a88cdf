import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { AtomicSnapshot } from '../../src/index.ts';
import { blob, expectRefused, forge, type Manifest, nested, type Parts, type RawEntry, target, tree } from './forge.ts';

describe('a tree that holds', () => {
  const bad: [what: string, entry: (oid: string, dir: string) => RawEntry][] = [
    ['..', (_, dir) => ['40000', '..', dir]],
    ['.', (_, dir) => ['40000', '.', dir]],
    ['../x', (oid) => ['100644', '../x', oid]],
    ['a slash', (oid) => ['100644', 'a/b', oid]],
    ['an absolute path', (oid) => ['100644', '/tmp/x', oid]],
    ['no name', (oid) => ['100644', '', oid]],
    ['.git', (_, dir) => ['40000', '.git', dir]],
    ['.GIT', (_, dir) => ['40000', '.GIT', dir]],
    ['.git and a space', (_, dir) => ['40000', '.git ', dir]],
    ['.git and a dot', (_, dir) => ['40000', '.git.', dir]],
    ['git~1', (_, dir) => ['40000', 'git~1', dir]],
    ['.git::$INDEX_ALLOCATION', (_, dir) => ['40000', '.git::$INDEX_ALLOCATION', dir]],
    ['.git with a code point that HFS+ ignores', (_, dir) => ['40000', '.g\u200cit', dir]],
    ['a setuid file', (oid) => ['104755', 'setuid', oid]],
    ['a mode that git does not have', (oid) => ['100666', 'mode', oid]],
    ['a device', (oid) => ['20644', 'device', oid]],
    ['no mode', (oid) => ['', 'modeless', oid]],
  ];
  test.each(bad)('%s is refused, in either tree and at any depth', async (_, entry) => {
    const place = await target();
    const { repo, ref } = place;
    const oid = blob(repo, 'pwned');
    const dir = tree(repo, ['100755', 'pre-commit', oid]);
    const evil = tree(repo, entry(oid, nested(repo, ['hooks'], dir)));
    const parts: Parts[] = [
      { workTree: evil },
      { untrackedTree: evil },
      { workTree: nested(repo, ['a', 'b'], evil) },
      { untrackedTree: nested(repo, ['a'], evil) },
    ];
    for (const part of parts) await expectRefused(place, forge(repo, ref, part), 'DEVS_SNAPSHOT_INVALID');
  });

  test('the same name twice, as file and directory too, is refused', async () => {
    const place = await target();
    const { repo, ref } = place;
    const oid = blob(repo, '/etc');
    const dir = tree(repo, ['100644', 'passwd', oid]);
    for (const twice of [
      tree(repo, ['100644', 'a', oid], ['100644', 'a', oid]),
      tree(repo, ['120000', 'a', oid], ['40000', 'a', dir]),
      tree(repo, ['120000', 'a', oid], ['100644', 'a.b', oid], ['40000', 'a', dir]),
    ]) {
      await expectRefused(place, forge(repo, ref, { untrackedTree: twice }), 'DEVS_SNAPSHOT_INVALID', 'twice');
      await expectRefused(place, forge(repo, ref, { workTree: twice }), 'DEVS_SNAPSHOT_INVALID', 'twice');
    }
  });

  test('a link, with a file under it in the other tree, is refused', async () => {
    const place = await target();
    const { repo, ref, outside } = place;
    const link = tree(repo, ['120000', 'a', blob(repo, outside)]);
    const file = tree(repo, ['40000', 'a', tree(repo, ['100644', 'passwd', blob(repo, 'pwned')])]);
    const both = { workTree: link, untrackedTree: file };
    await expectRefused(place, forge(repo, ref, both), 'DEVS_SNAPSHOT_INVALID', 'as a file and as a directory');
    const manifest = (genuine: Manifest) => ({ ...genuine, emptyDirectories: ['a/b'] });
    const empty = forge(repo, ref, { untrackedTree: link, manifest });
    await expectRefused(place, empty, 'DEVS_SNAPSHOT_INVALID', 'as a file and as a directory');
    // Only one of the two differs from what is there.
    fs.symlinkSync(outside, repo.path('a'));
    repo.git('add', 'a');
    const tracked = await AtomicSnapshot.take(repo.dir, 't');
    await expectRefused(place, forge(repo, tracked, { untrackedTree: file }), 'DEVS_RESTORE_OBSTRUCTED');
    // An untracked link that the snapshot does not hold goes, and a directory takes its place.
    await AtomicSnapshot.restore(repo.dir, forge(repo, ref, { untrackedTree: file }));
    expect(fs.lstatSync(repo.path('a')).isDirectory()).toBe(true);
    expect(fs.readdirSync(outside).sort()).toEqual(['.git', 'inside', 'secret']);
  });

  test('a link whose target is no path is refused', async () => {
    const place = await target();
    const { repo, ref } = place;
    for (const bytes of ['', 'a\0b', 'x'.repeat(5000)]) {
      const untrackedTree = tree(repo, ['120000', 'link', blob(repo, bytes)]);
      await expectRefused(place, forge(repo, ref, { untrackedTree }), 'DEVS_SNAPSHOT_INVALID', 'no path');
    }
  });

  test('half an entry is refused', async () => {
    const place = await target();
    const { repo, ref } = place;
    const { writeObject } = await import('./forge.ts');
    for (const bytes of ['100644 a', '100644 a\0abc', '100644', ' \0', '9'.repeat(100)]) {
      const untrackedTree = writeObject(repo, 'tree', bytes);
      await expectRefused(place, forge(repo, ref, { untrackedTree }), 'DEVS_SNAPSHOT_INVALID');
    }
  });

  test('five thousand directories in each other is refused', async () => {
    const place = await target();
    const { repo, ref } = place;
    let inner = tree(repo, ['100644', 'x', blob(repo, 'x')]);
    const bodies: string[] = [];
    // One process: fast-import makes trees of any depth.
    const file = `${'d/'.repeat(4_999)}x`;
    const { execFileSync } = await import('node:child_process');
    const stream = `blob\nmark :1\ndata 1\nx\ncommit refs/heads/deep\ncommitter a <a@b> 0 +0000\ndata 0\nM 100644 :1 ${file}\n\n`;
    execFileSync('git', ['fast-import', '--quiet'], { cwd: repo.dir, input: stream });
    inner = repo.git('rev-parse', 'deep^{tree}');
    bodies.push(inner);
    repo.git('update-ref', '-d', 'refs/heads/deep');
    await expectRefused(place, forge(repo, ref, { untrackedTree: inner }), 'DEVS_SNAPSHOT_INVALID', 'deeper');
  });

  test('itself so often that no disk could hold it is refused', async () => {
    const place = await target();
    const { repo, ref } = place;
    let bomb = tree(repo);
    for (let i = 0; i < 40; i++) bomb = tree(repo, ['40000', 'a', bomb], ['40000', 'b', bomb]);
    const started = Date.now();
    const forged = forge(repo, ref, { untrackedTree: bomb });
    const refusal = expect(AtomicSnapshot.restore(repo.dir, forged, { keep: true })).rejects;
    await refusal.toMatchObject({ code: 'DEVS_SNAPSHOT_INVALID' });
    expect(Date.now() - started).toBeLessThan(30_000);
  });
});

describe('a manifest that says', () => {
  const bad: [what: string, change: Parts['manifest'], message: string][] = [
    ['that HEAD is on ../../x', (m: Manifest) => ({ ...m, head: { ...m.head, branch: '../../x' } }), 'branch of HEAD'],
    ['refs/heads/../../x', (m) => ({ ...m, head: { ...m.head, branch: 'refs/heads/../../x' } }), 'branch of HEAD'],
    ['refs/heads/a.lock', (m) => ({ ...m, head: { ...m.head, branch: 'refs/heads/a.lock' } }), 'branch of HEAD'],
    ['a branch with a newline', (m) => ({ ...m, head: { ...m.head, branch: 'refs/heads/a\nb' } }), 'branch of HEAD'],
    [
      'that HEAD is on a ref of devs',
      (m) => ({ ...m, head: { ...m.head, branch: 'refs/devs/snapshots/x' } }),
      'no branch',
    ],
    ['a commit that is none', (m) => ({ ...m, head: { ...m.head, oid: '--upload-pack=x' } }), 'commit of HEAD'],
    [
      'permissions of ../secret',
      (m) => ({ ...m, permissions: { ...m.permissions, unusual: { '../secret': '777' } } }),
      'permissions to',
    ],
    [
      'permissions of .git/',
      (m) => ({ ...m, permissions: { ...m.permissions, unusual: { '.git/': '777' } } }),
      'permissions to',
    ],
    [
      'permissions of /etc/passwd',
      (m) => ({ ...m, permissions: { ...m.permissions, unusual: { '/etc/passwd': '777' } } }),
      'permissions to',
    ],
    [
      'permissions that are no number',
      (m) => ({ ...m, permissions: { ...m.permissions, unusual: { a: 'rwx' } } }),
      'rwx',
    ],
    ['no permissions', (m) => ({ ...m, permissions: { usual: {}, unusual: {} } }), 'usual'],
    [
      'permissions of the prototype',
      (m) => ({ ...m, permissions: JSON.parse('{"__proto__":{"usual":{"file":"644"}}}') }),
      'permissions',
    ],
    ['an empty directory ../x', (m) => ({ ...m, emptyDirectories: ['../x'] }), 'emptyDirectories'],
    ['an empty directory .git/hooks/x', (m) => ({ ...m, emptyDirectories: ['.git/hooks/x'] }), 'emptyDirectories'],
    ['a sparse file ../x', (m) => ({ ...m, skipWorktreePresent: ['../x'] }), 'skipWorktreePresent'],
    ['a list that is none', (m) => ({ ...m, emptyDirectories: { length: 1 } }), 'emptyDirectories'],
    ['a move of refs/devs', (m) => ({ ...m, refMoves: [['refs/devs/snapshots/x', null]] }), 'moves'],
    ['a move of ../../config', (m) => ({ ...m, refMoves: [['refs/heads/../../config', 'a'.repeat(40)]] }), 'moves'],
    ['a symbolic branch ../x', (m) => ({ ...m, symbolicBranch: ['refs/heads/main', '../x'] }), 'as a branch'],
    ['nothing', () => null, 'no object'],
    ['that it is newer', (m) => ({ ...m, schema: 99 }), 'newer'],
    ['that it is incomplete', (m) => ({ ...m, complete: false }), 'incomplete'],
    ['no JSON', '{', 'no JSON'],
    ['very deep JSON', '['.repeat(100_000), 'no JSON'],
  ];
  test.each(bad)('%s is refused', async (_, manifest, message) => {
    const place = await target();
    const forged = forge(place.repo, place.ref, { manifest: manifest! });
    await expectRefused(place, forged, 'DEVS_SNAPSHOT_INVALID', message);
    await expect(AtomicSnapshot.list(place.repo.dir)).resolves.toHaveLength(2);
  });

  test('setuid gives a file its permissions, and no more', async () => {
    const { repo, ref } = await target();
    const unusual = { 'untracked.txt': '4600', 'tracked.txt': '6777' };
    const manifest = (m: Manifest) => ({ ...m, permissions: { ...m.permissions, unusual } });
    const forged = forge(repo, ref, { manifest });
    fs.rmSync(repo.path('tracked.txt'));
    await AtomicSnapshot.restore(repo.dir, forged);
    const mode = (name: string) => (fs.statSync(repo.path(name)).mode & 0o7777).toString(8);
    expect([mode('untracked.txt'), mode('tracked.txt')]).toEqual(['600', '777']);
  });
});

describe('a state that holds', () => {
  const operations: [name: string, make: (repo: Parameters<typeof blob>[0]) => string][] = [
    ['config', (repo) => tree(repo, ['100644', 'config', blob(repo, '[core]\n\tpager = touch pwned\n')])],
    [
      'hooks/pre-commit',
      (repo) => tree(repo, ['40000', 'hooks', tree(repo, ['100755', 'pre-commit', blob(repo, 'x')])]),
    ],
    ['HEAD', (repo) => tree(repo, ['100644', 'HEAD', blob(repo, 'ref: refs/heads/x\n')])],
    ['../config', (repo) => tree(repo, ['40000', '..', tree(repo, ['100644', 'config', blob(repo, 'x')])])],
    [
      'rebase-merge/../config',
      (repo) => nested(repo, ['rebase-merge', '..'], tree(repo, ['100644', 'config', blob(repo, 'x')])),
    ],
    ['rebase-merge as a file', (repo) => tree(repo, ['100644', 'rebase-merge', blob(repo, 'x')])],
    ['MERGE_HEAD as a directory', (repo) => nested(repo, ['MERGE_HEAD'], tree(repo, ['100644', 'x', blob(repo, 'x')]))],
    ['refs/heads/main', (repo) => nested(repo, ['refs', 'heads'], tree(repo, ['100644', 'main', blob(repo, 'x')]))],
  ];
  test.each(operations)('%s among the files of an operation in progress is refused', async (_, make) => {
    const place = await target();
    const forged = forge(place.repo, place.ref, { state: { operation: ['40000', make(place.repo)] } });
    await expectRefused(place, forged, 'DEVS_SNAPSHOT_INVALID');
  });

  test.each([
    'ref: refs/heads/main\n[core]\n',
    'ref: refs/heads/other\n',
    'ref: ../../x\n',
    'ref: refs/heads/main\0\n',
    'pwned',
    '',
  ])('the HEAD %j is refused', async (head) => {
    const place = await target();
    const forged = forge(place.repo, place.ref, { state: { HEAD: ['100644', blob(place.repo, head)] } });
    await expectRefused(place, forged, 'DEVS_SNAPSHOT_INVALID', 'HEAD');
  });

  test('no HEAD, no manifest, or an index that is none is refused', async () => {
    const place = await target();
    const { repo, ref } = place;
    for (const state of [{ HEAD: null }, { 'manifest.json': null }, { index: ['100644', blob(repo, 'x')] as const }]) {
      await expectRefused(place, forge(repo, ref, { state }), 'DEVS_SNAPSHOT_INVALID');
    }
  });

  test('files that only look like a shared index writes none of them', async () => {
    const { repo, ref } = await target();
    const evil: ['100644', string] = ['100644', blob(repo, 'pwned')];
    const forged = forge(repo, ref, {
      state: { 'sharedindex.x': evil, config: evil, [`sharedindex.${'a'.repeat(41)}`]: evil },
    });
    await AtomicSnapshot.restore(repo.dir, forged);
    const names = fs.readdirSync(repo.path('.git'));
    expect(names.filter((name) => name.startsWith('sharedindex'))).toEqual([]);
    expect(fs.readFileSync(path.join(repo.dir, '.git/config'), 'utf8')).not.toContain('pwned');
  });
});
