import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fingerprint, Repo } from '@devs/test-kit';
import { query } from '@devs/test-kit/query';
import { beforeEach, describe, expect, test } from 'vitest';
import { devs, json } from './devs.ts';

let repo: Repo;
let before: string[];

beforeEach(async () => {
  repo = Repo.withWork();
  before = fingerprint(repo);
  await devs(repo.dir, 'run', '--id', 'bad', '--', 'sh', '-c', 'rm -r dir; echo x > made.txt; exit 7');
});

const database = () => repo.path('.git/devs/.devs.db');
const runs = () => query(database(), 'select * from runs order by id');

describe('a lost database', () => {
  const losses: [name: string, lose: () => void][] = [
    ['deleted', () => fs.rmSync(database())],
    ['emptied', () => fs.truncateSync(database(), 0)],
    ['truncated', () => fs.truncateSync(database(), 5000)],
    ['overwritten with zeros', () => fs.writeFileSync(database(), Buffer.alloc(20_000))],
    [
      'damaged in its pages',
      () => {
        const bytes = fs.readFileSync(database());
        bytes.fill(0xa5, 4096, bytes.length);
        fs.writeFileSync(database(), bytes);
      },
    ],
  ];

  test.each(losses)('%s: runs, commands and outcomes come back from the snapshots, and restore', async (name, lose) => {
    const [run] = runs();
    lose();
    const { stdout, stderr } = await devs(repo.dir, 'log');
    expect(stdout).toMatch(/failed 7 .* kept .*bad: sh -c 'rm -r dir/);
    expect(stderr).toContain(`found the snapshot of run ${run!.id}`);
    expect(runs()).toMatchObject([
      { id: run!.id, status: 'failed', exit_code: 7, snapshot_ref: run!.snapshot_ref, after_ref: run!.after_ref },
    ]);
    const aside = fs.readdirSync(repo.path('.git/devs')).filter((file) => /^\.devs\.db\.damaged-[^-]*$/.test(file));
    expect(aside).toHaveLength(name === 'deleted' || name === 'emptied' ? 0 : 1);
    if (aside.length > 0) expect(stderr).toContain(aside[0]);
    expect(repo.git('status', '--porcelain', '--untracked-files=all')).not.toContain('.devs');
    expect(await devs(repo.dir, 'restore', 'bad')).toMatchObject({ code: 0 });
    expect(fingerprint(repo)).toEqual(before);
  });

  test('restores and snapshots that somebody asked for come back too', async () => {
    await devs(repo.dir, 'snapshot', 'mine');
    await devs(repo.dir, 'restore', 'bad', '--force');
    fs.rmSync(database());
    expect((await devs(repo.dir, 'log')).stdout).toMatch(/ snapshot +kept +mine/);
    await devs(repo.dir, 'undo', '--force');
    expect(repo.read('made.txt')).toBe('x\n');
  });

  test('an older copy of it: newer runs are found, and a dropped one is held again while git has it', async () => {
    const copy = fs.readFileSync(database());
    await devs(repo.dir, 'drop', 'bad');
    await devs(repo.dir, 'run', '--id', 'newer', '--', 'sh', '-c', 'echo y > made.txt; exit 1');
    fs.writeFileSync(database(), copy);
    const { stdout, stderr } = await devs(repo.dir, 'log');
    expect(stdout).toMatch(/kept +newer: .*\n.*kept +bad: /);
    expect(stderr).toContain('holds the snapshot of run');
    expect((await devs(repo.dir, 'log')).stderr).toBe('');
  });
});

describe('a snapshot that is gone', () => {
  test('is said once, and its run stays in the log', async () => {
    for (const ref of repo.refs()) repo.git('update-ref', '-d', ref);
    repo.git('gc', '-q', '--prune=now');
    const { stderr } = await devs(repo.dir, 'status');
    expect(stderr).toContain('is gone: its ref was deleted');
    expect((await devs(repo.dir, 'status')).stderr).toBe('');
    expect(await devs(repo.dir, 'restore', 'bad')).toMatchObject({ code: 125 });
    expect(repo.refs()).toEqual([]);
  });
});

describe('devs restore', () => {
  test('refuses files changed and commits made since the run, names them, says what --force does', async () => {
    repo.write('made.txt', 'x, and mine\n');
    const changed = await devs(repo.dir, 'restore', 'bad');
    expect(changed).toMatchObject({ code: 125, stdout: '' });
    expect(changed.stderr).toContain('1 file changed since the run ended');
    expect(changed.stderr).toContain('devs:   made.txt\n');
    expect(changed.stderr).toContain('--force');
    repo.commitAll('precious work');
    const committed = json<{ code: string; data: { commits: { subject: string }[] } }>(
      (await devs(repo.dir, 'restore', 'bad', '--json')).stderr,
    );
    expect(committed).toMatchObject({ code: 'DEVS_HEAD_MOVED', data: { commits: [{ subject: 'precious work' }] } });
    expect((await devs(repo.dir, 'restore', 'bad')).stderr).toContain('precious work');
    const now = fingerprint(repo);
    expect(await devs(repo.dir, 'restore', 'bad', '--force')).toMatchObject({ code: 0 });
    expect(fingerprint(repo)).toEqual(before);
    expect(await devs(repo.dir, 'undo')).toMatchObject({ code: 0 });
    expect(fingerprint(repo)).toEqual(now);
  });

  test('of a run whose end is unknown says so, and keeps everything', async () => {
    query(database(), "update runs set status = 'crashed', after_ref = null");
    for (const ref of repo.refs()) if (ref !== runs()[0]!.snapshot_ref) repo.git('update-ref', '-d', ref);
    repo.write('made.txt', 'by whom?');
    const { code, stderr } = await devs(repo.dir, 'restore', 'bad');
    expect(code).toBe(0);
    expect(stderr).toContain('was killed: what it did cannot be told from what was done since');
    expect(fingerprint(repo)).toEqual(before);
    await devs(repo.dir, 'undo');
    expect(repo.read('made.txt')).toBe('by whom?');
  });
});

describe('devs doctor', () => {
  const doctor = async (...args: string[]) => {
    const { stdout, code } = await devs(repo.dir, 'doctor', '--json', ...args);
    const { ok, findings } = json<{ ok: boolean; findings: { check: string; ok: boolean; fixed: string | null }[] }>(
      stdout,
    );
    const wrong = findings.filter((finding) => !finding.ok);
    return { code, ok, wrong: wrong.map(({ check }) => check), fixed: wrong.map(({ fixed }) => fixed) };
  };

  test('finds nothing wrong in a sound repository, and changes nothing', async () => {
    const names = fs.readdirSync(repo.dir);
    expect(await doctor()).toEqual({ code: 0, ok: true, wrong: [], fixed: [] });
    expect(await devs(repo.dir, 'doctor')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok {5}lock/) });
    expect(fs.readdirSync(repo.dir)).toEqual(names);
    expect((await devs(repo.dir, 'log')).stderr).toBe('');
  });

  test('finds remotes that take all refs; with its hint a pruning mirror fetch spares the snapshots', async () => {
    const mirror = Repo.create();
    mirror.write('a', 'a');
    mirror.commitAll('a');
    repo.git('remote', 'add', '--mirror=fetch', 'source', mirror.dir);
    repo.git('remote', 'add', '--mirror=push', 'copy', mirror.dir);
    const { stdout } = await devs(repo.dir, 'doctor');
    expect(stdout).toContain('a push to copy takes all refs along');
    const hint = / {18}(git config --add .*)\n/.exec(stdout)![1]!;
    execFileSync('sh', ['-c', hint], { cwd: repo.dir });
    expect((await doctor()).wrong).toEqual(['remotes']);
    const refs = repo.refs();
    repo.git('fetch', '-q', '--prune', '--update-head-ok', '--force', 'source');
    expect(repo.refs()).toEqual(refs);
    repo.git('remote', 'remove', 'copy');
    expect(await doctor()).toMatchObject({ ok: true });
  });

  test('an abandoned index.lock is moved away by --fix, a fresh one or one in use is left', async () => {
    const lock = repo.path('.git/index.lock');
    fs.writeFileSync(lock, 'half an index');
    expect(await doctor('--fix')).toMatchObject({ code: 1, wrong: ['git locks'], fixed: [null] });
    const old = Date.now() / 1000 - 3600;
    fs.utimesSync(lock, old, old);
    const fd = fs.openSync(lock, 'r');
    expect(await doctor('--fix')).toMatchObject({ code: 1, fixed: [null] });
    fs.closeSync(fd);
    expect(await doctor('--fix')).toMatchObject({
      code: 0,
      wrong: ['git locks'],
      fixed: [expect.stringContaining('moved')],
    });
    expect(fs.existsSync(lock)).toBe(false);
    const [aside] = fs.readdirSync(repo.path('.git/devs')).filter((name) => name.startsWith('index.lock.'));
    expect(repo.read(path.join('.git/devs', aside!))).toBe('half an index');
  });

  test('repairs with --fix what every command would: lock, database, history; without it changes nothing', async () => {
    fs.rmSync(database());
    fs.writeFileSync(
      repo.path('.devs-state.lock'),
      JSON.stringify({ pid: 1, timestamp: '2020-01-01T00:00:00Z', task_id: 't' }),
    );
    const names = fs.readdirSync(repo.dir);
    expect(await doctor()).toMatchObject({ code: 1, wrong: ['lock', 'history'] });
    expect(fs.readdirSync(repo.dir)).toEqual(names);
    fs.rmSync(repo.path('.devs-state.lock'));
    fs.writeFileSync(database(), Buffer.alloc(9000));
    expect(await doctor()).toMatchObject({ code: 1, wrong: ['database'] });
    expect(await doctor('--fix')).toMatchObject({ code: 0, wrong: ['database'], fixed: ['repaired'] });
    expect(await doctor()).toMatchObject({ code: 0, wrong: [] });
  });

  test('names a snapshot whose objects are missing', async () => {
    const blob = repo.git('rev-parse', `${runs()[0]!.snapshot_ref}^3:untracked.txt`);
    fs.rmSync(repo.path(`.git/objects/${blob.slice(0, 2)}/${blob.slice(2)}`), { force: true });
    for (const pack of fs.readdirSync(repo.path('.git/objects/pack')))
      fs.rmSync(repo.path(`.git/objects/pack/${pack}`));
    const { wrong } = await doctor();
    expect(new Set(wrong)).toEqual(new Set(['snapshots']));
    // And the others go on being of use.
    expect((await devs(repo.dir, 'log')).stdout).toContain('bad: ');
    expect((await devs(repo.dir, 'run', '--', 'true')).code).toBe(0);
  });
});

describe('devs recover', () => {
  test('says that nothing had to be repaired, or what was; twice does nothing', async () => {
    expect((await devs(repo.dir, 'recover')).stderr).toContain('nothing had to be repaired');
    fs.rmSync(database());
    expect(json((await devs(repo.dir, 'recover', '--json')).stdout)).toMatchObject({ repaired: ['adopted'] });
    expect(json((await devs(repo.dir, 'recover', '--json')).stdout)).toMatchObject({ repaired: [] });
  });

  test('creates nothing where nothing ever ran', async () => {
    const clean = Repo.withWork();
    expect(await devs(clean.dir, 'recover')).toMatchObject({ code: 0 });
    expect(clean.exists('.git/devs/.devs.db')).toBe(false);
  });
});
