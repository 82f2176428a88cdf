import { execFileSync, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fingerprint, Repo } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { AtomicSnapshot, takeSnapshot } from '../../src/index.ts';
import { blob, expectRefused, forge, sealLine, target, writeObject } from './forge.ts';

const KEY = '.git/devs/seal.key';

describe('the seal', () => {
  test('is the last line of the commit: HMAC-SHA256 over the rest, by a key of 32 bytes that only its owner reads', async () => {
    const { repo, ref } = await target();
    const commit = `${repo.git('cat-file', 'commit', ref)}\n`;
    const at = commit.lastIndexOf('Devs-Seal: ');
    expect(commit.slice(at)).toBe(sealLine(repo, commit.slice(0, at)));
    const { size, mode, nlink } = fs.statSync(repo.path(KEY));
    expect([size, mode & 0o7777, nlink]).toEqual([32, 0o600, 1]);
    const key = fs.readFileSync(repo.path(KEY));
    for (const line of repo
      .git('cat-file', '--batch-all-objects', '--batch-check=%(objectname) %(objecttype)')
      .split('\n')) {
      const [oid, type] = line.split(' ');
      if (type !== 'tree') expect(repo.git('cat-file', type!, oid!)).not.toContain(key.toString('latin1'));
    }
    expect((await AtomicSnapshot.show(repo.dir, ref)).trailers).toEqual({ Kind: 'manual' });
  });

  test('that is missing or wrong makes a snapshot foreign: listed, never believed, never restored or compared', async () => {
    const place = await target();
    const { repo, ref } = place;
    const unsealed = forge(repo, ref, {}, false);
    const commit = `${repo.git('cat-file', 'commit', ref)}\n`;
    const changed = writeObject(repo, 'commit', commit.replace('devs-snapshot-genuine', 'devs-snapshot-changed'));
    repo.git('update-ref', 'refs/devs/snapshots/changed', changed);
    const moved = writeObject(repo, 'commit', `${commit}Devs-Run: r2\n`);
    repo.git('update-ref', 'refs/devs/snapshots/moved', moved);
    const foreign = [unsealed, 'refs/devs/snapshots/changed', 'refs/devs/snapshots/moved'];
    const infos = await AtomicSnapshot.list(repo.dir);
    for (const name of foreign) {
      expect(infos.find((info) => info.ref === name)).toMatchObject({ kind: 'foreign', runId: null, trailers: {} });
      await expectRefused(place, name, 'DEVS_SNAPSHOT_FOREIGN', 'git stash apply --index');
      const code = 'DEVS_SNAPSHOT_FOREIGN';
      await expect(AtomicSnapshot.diff(repo.dir, name)).rejects.toMatchObject({ code });
      await expect(AtomicSnapshot.diff(repo.dir, ref, name)).rejects.toMatchObject({ code });
      await expect(AtomicSnapshot.show(repo.dir, name)).rejects.toMatchObject({ code });
      await expect(AtomicSnapshot.take(repo.dir, 't', { since: name })).rejects.toMatchObject({ code });
      await expect(AtomicSnapshot.restore(repo.dir, ref, { after: name })).rejects.toMatchObject({ code });
      await expect(AtomicSnapshot.restore(repo.dir, repo.git('rev-parse', name))).rejects.toMatchObject({ code });
      await AtomicSnapshot.drop(repo.dir, name);
    }
    expect((await AtomicSnapshot.list(repo.dir)).map((info) => info.ref)).toEqual([ref]);
  });

  test('of another repository is foreign, and the way out that the error names works', async () => {
    const { repo, ref } = await target();
    const other = Repo.create();
    other.git('fetch', '-q', repo.dir, `${ref}:${ref}`, 'main:theirs');
    other.git('reset', '-q', '--hard', 'theirs');
    await AtomicSnapshot.take(other.dir, 'its own key');
    const infos = await AtomicSnapshot.list(other.dir);
    expect(infos.map(({ kind }) => kind)).toEqual(['foreign', 'manual']);
    const refused = await AtomicSnapshot.restore(other.dir, ref).catch((error) => error);
    expect(refused.code).toBe('DEVS_SNAPSHOT_FOREIGN');
    execFileSync(refused.hint[0], refused.hint.slice(1), { cwd: other.dir, stdio: 'ignore' });
    other.git(.../git (stash apply --index \w+)/.exec(refused.message)![1]!.split(' '));
    expect(other.read('untracked.txt')).toBe('untracked\n');
  });
});

describe('the key', () => {
  const attacks: [what: string, attack: (repo: Repo) => void][] = [
    [
      'a link',
      (repo) => {
        fs.renameSync(repo.path(KEY), repo.path('.git/k'));
        fs.symlinkSync('../k', repo.path(KEY));
      },
    ],
    ['of two names', (repo) => fs.linkSync(repo.path(KEY), repo.path('.git/k'))],
    [
      'a pipe',
      (repo) => {
        fs.rmSync(repo.path(KEY));
        execFileSync('mkfifo', [repo.path(KEY)]);
      },
    ],
    [
      'a directory',
      (repo) => {
        fs.rmSync(repo.path(KEY));
        fs.mkdirSync(repo.path(KEY));
      },
    ],
    ['empty', (repo) => fs.truncateSync(repo.path(KEY), 0)],
    ['long', (repo) => fs.truncateSync(repo.path(KEY), 1 << 30)],
  ];
  // A process that never read the key before meets it like this.
  test.each(attacks)('that is %s is refused by name, and hides no snapshot', async (_, attack) => {
    const { repo, ref } = await target();
    attack(repo);
    const code = 'DEVS_SEAL_KEY_UNSAFE';
    const message = expect.stringContaining('seal.key');
    await expect(takeSnapshot(repo.dir, 't')).rejects.toMatchObject({ code, message });
    expect((await AtomicSnapshot.list(repo.dir)).map((info) => info.ref)).toEqual([ref]);
    expect(AtomicSnapshot.hasPendingRestore(repo.dir)).toBe(false);
  });

  test("that a task deletes comes back, and what was sealed before is still this repository's", async () => {
    const { repo, ref } = await target();
    const before = fingerprint(repo);
    const key = fs.readFileSync(repo.path(KEY));
    fs.rmSync(repo.path('.git/devs'), { recursive: true });
    repo.write('untracked.txt', 'overwritten');
    await AtomicSnapshot.take(repo.dir, 'after');
    expect(fs.readFileSync(repo.path(KEY))).toEqual(key);
    await AtomicSnapshot.restore(repo.dir, ref);
    expect(fingerprint(repo)).toEqual(before);
  });

  test('that a task deletes comes back at the end of a run that succeeds, too', async () => {
    const { repo, ref } = await target();
    const key = fs.readFileSync(repo.path(KEY));
    const run = await AtomicSnapshot.take(repo.dir, 'run');
    fs.rmSync(repo.path('.git/devs'), { recursive: true });
    await AtomicSnapshot.drop(repo.dir, run);
    expect(fs.readFileSync(repo.path(KEY))).toEqual(key);
    expect((await AtomicSnapshot.list(repo.dir)).find((info) => info.ref === ref)?.kind).toBe('manual');
  });

  test('that a killed creator left under a second name is used', async () => {
    const { repo, ref } = await target();
    fs.linkSync(repo.path(KEY), repo.path(`${KEY}.tmp.0123456789ab`));
    await AtomicSnapshot.take(repo.dir, 't');
    expect(fs.readdirSync(repo.path('.git/devs'))).not.toContain('seal.key.tmp.0123456789ab');
    await AtomicSnapshot.restore(repo.dir, ref);
  });

  test('that chmod opened to others is closed again', async () => {
    const { repo } = await target();
    fs.chmodSync(repo.path(KEY), 0o644);
    await AtomicSnapshot.take(repo.dir, 't');
    expect(fs.statSync(repo.path(KEY)).mode & 0o777).toBe(0o600);
  });
});

describe('a journal', () => {
  const JOURNAL = '.git/devs/restore.json';
  async function planted(write: (place: Awaited<ReturnType<typeof target>>) => string | Buffer) {
    const place = await target();
    fs.writeFileSync(place.repo.path(JOURNAL), write(place));
    place.repo.write('untracked.txt', 'work done since');
    return place;
  }
  const old = (ref: string) => JSON.stringify({ schema: 1, target: ref, safety: ref, filesOnly: false, paths: null });
  const forged: [what: string, write: (place: Awaited<ReturnType<typeof target>>) => string | Buffer][] = [
    ['without a seal', ({ ref }) => old(ref)],
    ['with a wrong seal', ({ ref }) => `{"seal":"${'a'.repeat(64)}","body":${old(ref)}}\n`],
    [
      'with a seal made for a commit',
      ({ repo, ref }) => {
        const seal = createHmac('sha256', fs.readFileSync(repo.path(KEY)))
          .update(old(ref))
          .digest('hex');
        return `{"seal":"${seal}","body":${old(ref)}}\n`;
      },
    ],
    ['that is no JSON', () => '{'],
    ['that is empty', () => ''],
  ];
  test.each(forged)('%s is never acted upon; recover moves it aside and says so', async (_, write) => {
    const { repo, ref } = await planted(write);
    expect(AtomicSnapshot.hasPendingRestore(repo.dir)).toBe(false);
    expect(AtomicSnapshot.journalState(repo.dir)).toBe('foreign');
    const warnings: string[] = [];
    const onWarning = ({ code, message }: { code: string; message: string }) => warnings.push(`${code} ${message}`);
    expect(await AtomicSnapshot.recover(repo.dir, { onWarning })).toBeNull();
    expect(warnings).toEqual([expect.stringMatching(/^DEVS_JOURNAL_FOREIGN .*restore\.json.*moved to/)]);
    expect(repo.read('untracked.txt')).toBe('work done since');
    expect(repo.exists(JOURNAL)).toBe(false);
    expect(
      fs.readdirSync(repo.path('.git/devs')).filter((name) => name.startsWith('restore.json.foreign')),
    ).toHaveLength(1);
    await AtomicSnapshot.restore(repo.dir, ref);
  });

  test('that is a link, a pipe or a directory is none', async () => {
    const { repo } = await target();
    fs.symlinkSync('/dev/zero', repo.path(JOURNAL));
    expect(AtomicSnapshot.hasPendingRestore(repo.dir)).toBe(false);
    await AtomicSnapshot.recover(repo.dir);
    execFileSync('mkfifo', [repo.path(JOURNAL)]);
    await AtomicSnapshot.recover(repo.dir);
    fs.mkdirSync(repo.path(JOURNAL));
    await AtomicSnapshot.recover(repo.dir);
    expect(repo.exists(JOURNAL)).toBe(false);
  });
});

test('a large-file cache that another program wrote is an empty one', async () => {
  const repo = Repo.create();
  const big = Buffer.alloc(17 << 20, 'a');
  repo.write('big', big);
  const poison = blob(repo, Buffer.alloc(17 << 20, 'b'));
  const { size, mtimeMs, ctimeMs, ino } = fs.statSync(repo.path('big'));
  const stored = fs.statSync(repo.path(`.git/objects/${poison.slice(0, 2)}/${poison.slice(2)}`)).size;
  const known = { oid: poison, stat: [size, mtimeMs, ctimeMs, ino], stored };
  fs.mkdirSync(repo.path('.git/devs'), { recursive: true });
  for (const text of [
    JSON.stringify({ schema: 1, files: { big: known } }),
    `{"seal":"${'0'.repeat(64)}","body":${JSON.stringify({ schema: 2, files: [['big', known]] })}}\n`,
  ]) {
    fs.writeFileSync(repo.path('.git/devs/large-files.json'), text);
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    expect(repo.git('rev-parse', `${ref}^3:big`)).not.toBe(poison);
  }
});

describe('an oid goes before a name', () => {
  test('a ref that was rewritten or deleted loses nothing while the object exists', async () => {
    const { repo } = await target();
    const before = fingerprint(repo);
    const { ref, oid } = await takeSnapshot(repo.dir, 't');
    const forged = forge(repo, ref, { untrackedTree: repo.git('rev-parse', 'main^{tree}') });
    fs.copyFileSync(repo.path(`.git/${forged}`), repo.path(`.git/${ref}`));
    repo.write('untracked.txt', 'overwritten');
    await AtomicSnapshot.restore(repo.dir, oid, { keep: true });
    expect(fingerprint(repo)).toEqual(before);
    const moved = { code: 'DEVS_REF_MOVED' };
    await expect(AtomicSnapshot.drop(repo.dir, ref, { oid })).rejects.toMatchObject(moved);
    repo.write('untracked.txt', 'overwritten');
    fs.rmSync(repo.path('.git/refs/devs'), { recursive: true });
    const { dropped } = await AtomicSnapshot.restore(repo.dir, oid);
    expect(dropped).toBe(false);
    expect(fingerprint(repo)).toEqual(before);
  });

  test('an oid that a ref names still is that ref', async () => {
    const { repo, ref } = await target();
    const report = await AtomicSnapshot.restore(repo.dir, repo.git('rev-parse', ref));
    expect(report).toMatchObject({ ref, dropped: true });
  });
});

test('one bad ref, commit or tree hides no other snapshot and stops nothing', async () => {
  const { repo, ref } = await target();
  const bad = (name: string, text: string) => repo.write(`.git/refs/devs/snapshots/${name}`, text);
  bad('garbage', 'garbage');
  bad('empty', '');
  bad('missing', `${'1'.repeat(40)}\n`);
  bad('a-blob', `${blob(repo, 'x')}\n`);
  bad('half-a-commit', `${writeObject(repo, 'commit', 'tree x\n')}\n`);
  bad('no-tree', `${writeObject(repo, 'commit', `tree ${'2'.repeat(40)}\nauthor a <a> 0 +0000\n\nx`)}\n`);
  bad('symbolic', 'ref: refs/heads/main\n');
  bad('in-itself', 'ref: refs/devs/snapshots/in-itself\n');
  fs.mkdirSync(repo.path('.git/refs/devs/snapshots/directory'));
  fs.symlinkSync('/dev/zero', repo.path('.git/refs/devs/snapshots/link'));
  execFileSync('mkfifo', [repo.path('.git/refs/devs/snapshots/pipe')]);
  const infos = await AtomicSnapshot.list(repo.dir);
  expect(infos.filter(({ kind }) => kind !== 'foreign' && kind !== 'unreadable').map((info) => info.ref)).toEqual([
    ref,
  ]);
  expect(infos.length).toBeGreaterThan(5);
  const others = infos.map((info) => info.ref).filter((name) => name !== ref);
  expect(await AtomicSnapshot.ownBytes(repo.dir, [ref], others)).toBeGreaterThan(0);
  for (const name of others) {
    await expect(AtomicSnapshot.restore(repo.dir, name)).rejects.toMatchObject({
      code: expect.stringMatching(/^DEVS_/),
    });
    await expect(AtomicSnapshot.verify(repo.dir, name)).rejects.toMatchObject({
      code: expect.stringMatching(/^DEVS_/),
    });
  }
  await AtomicSnapshot.restore(repo.dir, ref);
});

test.each([
  ['refs/devs/snapshots', 'a file', 'DEVS_NOT_A_DIRECTORY'],
  ['refs/devs', 'a file', 'DEVS_NOT_A_DIRECTORY'],
  ['refs/devs/snapshots', 'a link', 'DEVS_NOT_A_DIRECTORY'],
  ['devs', 'a file', 'DEVS_SEAL_KEY_UNSAFE'],
])(
  '%s that is %s fails a take by name, writes nothing elsewhere, and hides nothing from a list',
  async (name, what, code) => {
    const { repo, outside } = await target();
    fs.rmSync(repo.path(`.git/${name}`), { recursive: true });
    if (what === 'a file') fs.writeFileSync(repo.path(`.git/${name}`), 'x');
    else fs.symlinkSync(outside, repo.path(`.git/${name}`));
    await expect(AtomicSnapshot.list(repo.dir)).resolves.toBeInstanceOf(Array);
    await expect(AtomicSnapshot.take(repo.dir, 't')).rejects.toMatchObject({ code });
    expect(fs.readdirSync(outside).sort()).toEqual(['.git', 'inside', 'secret']);
  },
);

test('six first takes at once make one key', async () => {
  const repo = Repo.withWork();
  const entry = JSON.stringify(path.join(import.meta.dirname, '../../dist/index.js'));
  const program = `const { AtomicSnapshot } = await import(${entry}); await AtomicSnapshot.take(process.argv[1], 't');`;
  const take = () =>
    new Promise<number | null>((resolve) => {
      spawn(process.execPath, ['--input-type=module', '-e', program, repo.dir], { stdio: 'inherit' }).once(
        'close',
        resolve,
      );
    });
  expect(await Promise.all(Array.from({ length: 6 }, take))).toEqual(Array(6).fill(0));
  expect((await AtomicSnapshot.list(repo.dir)).map(({ kind }) => kind)).toEqual(Array(6).fill('manual'));
  expect(fs.readdirSync(repo.path('.git/devs')).filter((name) => name.startsWith('seal'))).toEqual(['seal.key']);
});
