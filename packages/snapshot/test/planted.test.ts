// What a command can plant at the names in the git directory that devs reads, writes, sweeps and appends to.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Repo, temporaryDirectory } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';
import { status } from './hazard.ts';

const SECRET = 'a private key\n';

interface Outside {
  readonly dir: string;
  readonly file: string;
  readonly assertUntouched: () => void;
}

/** A directory outside the repository, with a file that nothing may read or change. */
function outside(): Outside {
  const dir = temporaryDirectory();
  const file = path.join(dir, 'secret');
  fs.writeFileSync(file, SECRET, { mode: 0o600 });
  const before = fs.lstatSync(file, { bigint: true });
  const assertUntouched = () => {
    expect(fs.readdirSync(dir)).toEqual(['secret']);
    expect(fs.readFileSync(file, 'utf8')).toBe(SECRET);
    const after = fs.lstatSync(file, { bigint: true });
    expect([after.mode, after.mtimeNs]).toEqual([before.mode, before.mtimeNs]);
  };
  return { dir, file, assertUntouched };
}

/** Whether any object of the repository holds the secret. */
function holdsSecret(repo: Repo): boolean {
  const oid = execFileSync('git', ['hash-object', '--stdin'], { input: SECRET, encoding: 'utf8' }).trim();
  return repo.git('cat-file', '--batch-all-objects', '--batch-check=%(objectname)').includes(oid);
}

interface Answer {
  readonly error: string | null;
  readonly skipped: readonly string[];
}

/** Calls the built package in a process of its own, which can be killed: an open that waits cannot be interrupted. */
function inChild(method: string, ...args: readonly unknown[]): Answer {
  const source = `
    import * as devs from ${JSON.stringify(path.join(import.meta.dirname, '../dist/index.js'))};
    const [method, args] = JSON.parse(process.argv[1]);
    const call = method === 'take' ? devs.takeSnapshot(...args) : devs.AtomicSnapshot[method](...args);
    const answer = await call.then(
      (report) => ({ error: null, skipped: (report?.skipped ?? []).map(({ path }) => path) }),
      (error) => ({ error: error.code?.startsWith('DEVS_') ? error.code : error.stack, skipped: [] }),
    );
    console.log(JSON.stringify(answer));`;
  const words = ['--input-type=module', '-e', source, JSON.stringify([method, args])];
  return JSON.parse(execFileSync(process.execPath, words, { encoding: 'utf8', timeout: 30_000 })) as Answer;
}

const KINDS: Readonly<Record<string, (at: string, outside: Outside) => void>> = {
  'a link to a file outside': (at, { file }) => fs.symlinkSync(file, at),
  'a link to a directory outside': (at, { dir }) => fs.symlinkSync(dir, at),
  'a link to nothing': (at) => fs.symlinkSync('/nonexistent/at/all', at),
  'a link to a device': (at) => fs.symlinkSync('/dev/zero', at),
  'a fifo': (at) => execFileSync('mkfifo', [at]),
  'a directory': (at) => fs.mkdirSync(at),
};

function plant(repo: Repo, name: string, kind: string, around: Outside): void {
  const at = repo.path(`.git/${name}`);
  fs.mkdirSync(path.dirname(at), { recursive: true });
  fs.rmSync(at, { force: true, recursive: true });
  KINDS[kind]!(at, around);
}

/** Files that git and devs can do without. */
const OPTIONAL = ['MERGE_HEAD', 'rebase-merge', 'logs/refs/stash', 'devs/large-files.json', 'devs/proven-bytes'];

describe.each(Object.keys(KINDS))('%s', (kind) => {
  test.each(OPTIONAL)('at %s: the take ignores it, and a restore works', async (name) => {
    const repo = Repo.withWork();
    const around = outside();
    plant(repo, name, kind, around);
    const taken = inChild('take', repo.dir, 't');
    expect(taken.error).toBe(null);
    const isOperation = ['MERGE_HEAD', 'rebase-merge'].includes(name);
    if (isOperation && !(name === 'rebase-merge' && kind === 'a directory')) {
      expect(taken.skipped).toEqual([`.git/${name}`]);
    }
    repo.write('a.txt', 'by the task');
    const [snapshot] = await AtomicSnapshot.list(repo.dir);
    expect(inChild('restore', repo.dir, snapshot!.ref)).toEqual({ error: null, skipped: [] });
    expect(repo.read('a.txt')).toBe('staged\nand not staged\n');
    expect(holdsSecret(repo)).toBe(false);
    around.assertUntouched();
  });

  test.each(['HEAD', 'index', 'info/exclude'])('at %s: refused with a code', (name) => {
    const repo = Repo.withWork();
    const around = outside();
    plant(repo, name, kind, around);
    const { error } = inChild('take', repo.dir, 't');
    // A link in place of the ignore rules counts as none.
    if (name !== 'info/exclude' || error !== null) expect(error).toMatch(/^DEVS_/);
    if (name === 'info/exclude') expect(holdsSecret(repo)).toBe(false);
    expect(inChild('recover', repo.dir).error ?? 'DEVS_').toMatch(/^DEVS_/);
    around.assertUntouched();
  });

  test.each(['MERGE_MSG', 'rebase-merge/done'])('where a restore writes %s', (name) => {
    const repo = Repo.withWork();
    const around = outside();
    fs.mkdirSync(repo.path('.git/rebase-merge'));
    fs.writeFileSync(repo.path('.git/MERGE_MSG'), 'message\n');
    fs.writeFileSync(repo.path('.git/rebase-merge/done'), 'pick\n');
    expect(inChild('take', repo.dir, 't').error).toBe(null);
    const ref = repo.git('for-each-ref', '--format=%(refname)', 'refs/devs').trim();
    if (name.includes('/')) plant(repo, 'rebase-merge', kind, around);
    plant2(repo, name, kind, around);
    const { error } = inChild('restore', repo.dir, ref);
    around.assertUntouched();
    if (error !== null) expect(error).toBe('DEVS_RESTORE_OBSTRUCTED');
    else {
      expect(repo.read('.git/MERGE_MSG')).toBe('message\n');
      expect(repo.read('.git/rebase-merge/done')).toBe('pick\n');
    }
  });

  test.each(['logs/HEAD', 'logs/refs/heads/main', 'devs/restore.json.tmp.0123456789ab'])(
    'at %s: nothing is written there, and a restore works',
    (name) => {
      const repo = Repo.withWork();
      const around = outside();
      expect(inChild('take', repo.dir, 't').error).toBe(null);
      const ref = repo.git('for-each-ref', '--format=%(refname)', 'refs/devs').trim();
      repo.commitAll('by the task');
      plant(repo, name, kind, around);
      const before = status(repo);
      expect(inChild('restore', repo.dir, ref)).toEqual({ error: null, skipped: [] });
      expect(status(repo)).not.toBe(before);
      around.assertUntouched();
    },
  );
});

/** Plants at `name` unless its directory is what was planted. */
function plant2(repo: Repo, name: string, kind: string, around: Outside): void {
  if (fs.lstatSync(repo.path(`.git/${path.dirname(name)}`)).isDirectory()) plant(repo, name, kind, around);
}

describe('a link to a directory outside', () => {
  test.each(['refs', 'refs/devs', 'refs/devs/snapshots', 'objects/pack', 'objects', 'devs'])(
    'at %s: nothing is written there',
    (name) => {
      const repo = Repo.withWork();
      const around = outside();
      if (name === 'refs' || name === 'objects/pack') {
        repo.git('pack-refs', '--all');
        repo.git('gc', '-q');
      }
      fs.cpSync(repo.path('.git/objects/pack'), path.join(repo.dir, '.git/aside'), { recursive: true });
      plant(repo, name, 'a link to a directory outside', around);
      const { error } = inChild('take', repo.dir, 't');
      around.assertUntouched();
      if (error !== null) expect(error).toMatch(/^DEVS_/);
    },
  );

  test('the sweep deletes nothing in it', async () => {
    const repo = Repo.withWork();
    const dir = temporaryDirectory();
    const names = ['restore.json.tmp.0123456789ab', 'tmp_pack_devs_1', 'x.lock', 'tmp_obj_devs_1'];
    for (const name of names) {
      fs.writeFileSync(path.join(dir, name), 'precious');
      fs.utimesSync(path.join(dir, name), 0, 0);
    }
    fs.symlinkSync(dir, repo.path('.git/devs'));
    fs.mkdirSync(repo.path('.git/refs/devs'));
    fs.symlinkSync(dir, repo.path('.git/refs/devs/snapshots'));
    fs.rmSync(repo.path('.git/objects/pack'), { recursive: true });
    fs.symlinkSync(dir, repo.path('.git/objects/pack'));
    await AtomicSnapshot.recover(repo.dir).catch((error: { code: string }) => expect(error.code).toMatch(/^DEVS_/));
    expect(fs.readdirSync(dir).sort()).toEqual(names.sort());
  });
});

test('objects/pack is a link to a directory outside: no pack is written there', () => {
  const repo = Repo.withWork();
  // Enough new objects for a pack.
  for (let i = 0; i < 20; i++) repo.write(`new/${i}.txt`, `${i}\n`);
  const around = outside();
  fs.rmSync(repo.path('.git/objects/pack'), { recursive: true, force: true });
  fs.symlinkSync(around.dir, repo.path('.git/objects/pack'));
  const { error } = inChild('take', repo.dir, 't');
  expect(error).toBe('DEVS_NOT_A_DIRECTORY');
  around.assertUntouched();
});

test('a directory, a fifo and a link named like our temporary files are left by the sweep', async () => {
  const repo = Repo.withWork();
  const at = (name: string) => repo.path(`.git/${name}.tmp.0123456789ab`);
  fs.mkdirSync(at('a'));
  execFileSync('mkfifo', [at('b')]);
  fs.symlinkSync('/etc/passwd', at('c'));
  fs.writeFileSync(at('d'), 'ours');
  for (const name of ['a', 'b', 'd']) fs.utimesSync(at(name), 0, 0);
  await AtomicSnapshot.recover(repo.dir);
  expect(['a', 'b', 'c', 'd'].filter((name) => fs.lstatSync(at(name), { throwIfNoEntry: false }))).toEqual([
    'a',
    'b',
    'c',
  ]);
});

test('a reflog with a second name outside is not appended to, and keeps its lines', async () => {
  const repo = Repo.withWork();
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  repo.commitAll('by the task');
  const second = path.join(temporaryDirectory(), 'log');
  fs.linkSync(repo.path('.git/logs/HEAD'), second);
  const before = fs.readFileSync(second, 'utf8');
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(fs.readFileSync(second, 'utf8')).toBe(before);
  const after = repo.read('.git/logs/HEAD');
  expect(after.startsWith(before)).toBe(true);
  expect(after.length).toBeGreaterThan(before.length);
});

test('a work tree of git-new-workdir, which shares its directories by links', async () => {
  const main = Repo.withWork();
  main.commitAll('all');
  const shared = new Repo(path.join(temporaryDirectory(), 'work'));
  fs.mkdirSync(shared.path('.git/logs'), { recursive: true });
  for (const name of ['config', 'refs', 'logs/refs', 'objects', 'info', 'packed-refs']) {
    fs.symlinkSync(main.path(`.git/${name}`), shared.path(`.git/${name}`));
  }
  main.git('pack-refs', '--all');
  fs.copyFileSync(main.path('.git/HEAD'), shared.path('.git/HEAD'));
  shared.git('reset', '-q', '--hard');
  shared.write('untracked.txt', 'changed\n');
  const ref = await AtomicSnapshot.take(shared.dir, 't');
  shared.write('untracked.txt', 'by the task\n');
  shared.commitAll('by the task');
  shared.git('pack-refs', '--all');
  await AtomicSnapshot.restore(shared.dir, ref);
  expect(shared.read('untracked.txt')).toBe('changed\n');
  expect(main.git('for-each-ref', 'refs/devs').trim().split('\n')).toHaveLength(1);
  expect(fs.lstatSync(shared.path('.git/packed-refs')).isSymbolicLink()).toBe(true);
});
