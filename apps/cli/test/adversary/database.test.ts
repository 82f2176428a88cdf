import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Repo, temporaryDirectory } from '@devs/test-kit';
import { query } from '@devs/test-kit/query';
import SQLite from 'better-sqlite3';
import { beforeEach, describe, expect, test } from 'vitest';
import { devs, json } from '../devs.ts';

// What a cloned repository, or a command that devs runs, can put in the place of the database.

let repo: Repo;

beforeEach(() => {
  repo = Repo.withWork();
});

const own = (name = '.devs.db') => path.join(repo.path('.git/devs'), name);
const asideOf = () => fs.readdirSync(repo.path('.git/devs')).filter((name) => name.startsWith('.devs.db.damaged-'));

/** Runs a failing command, so that there is a run with a snapshot. */
async function withRun(): Promise<void> {
  expect((await devs(repo.dir, 'run', '--id', 'bad', '--', 'sh', '-c', 'echo x > made.txt; exit 3')).code).toBe(3);
}

/** A database and a hot rollback journal beside it that names `superJournal`, which SQLite would delete. */
function plantHotJournal(database: string, superJournal: string): void {
  fs.rmSync(database, { force: true });
  query(database, 'create table notes (text)');
  query(database, "insert into notes values ('x')");
  const pageSize = 4096;
  const header = Buffer.alloc(512);
  Buffer.from('d9d505f920a163d7', 'hex').copy(header);
  header.writeUInt32BE(0, 8); // no page records
  header.writeUInt32BE(1, 12);
  header.writeUInt32BE(fs.statSync(database).size / pageSize, 16);
  header.writeUInt32BE(512, 20);
  header.writeUInt32BE(pageSize, 24);
  const name = Buffer.from(superJournal);
  const sum = name.reduce((total, byte) => total + byte, 0);
  const tail = Buffer.alloc(4 + name.length + 8);
  tail.writeUInt32BE(0x40000000 / pageSize + 1, 0);
  name.copy(tail, 4);
  tail.writeUInt32BE(name.length, 4 + name.length);
  tail.writeUInt32BE(sum, 8 + name.length);
  fs.writeFileSync(`${database}-journal`, Buffer.concat([header, tail, Buffer.from('d9d505f920a163d7', 'hex')]));
}

describe('a clone with a database in its work tree', () => {
  test('a hot journal that names a file of the user deletes nothing, and nothing there is opened', async () => {
    const precious = path.join(temporaryDirectory(), 'precious');
    fs.writeFileSync(precious, 'exists nowhere else');
    plantHotJournal(repo.path('.devs.db'), precious);
    repo.git('add', '-f', '.devs.db', '.devs.db-journal');
    repo.git('commit', '-qm', 'a gift');
    const clone = path.join(temporaryDirectory(), 'clone');
    repo.git('clone', '-q', repo.dir, clone);
    const before = fs.readdirSync(clone);
    for (const args of [['status'], ['log'], ['doctor'], ['complete', '--', 'restore', ''], ['run', '--', 'true']]) {
      const { code, stderr } = await devs(clone, ...args);
      expect({ args, code, stderr }).toMatchObject({ args, code: 0 });
      expect(fs.readFileSync(precious, 'utf8')).toBe('exists nowhere else');
    }
    expect(fs.readdirSync(clone)).toEqual(before);
    expect((await devs(clone, 'doctor')).stdout).toContain('.devs.db, .devs.db-journal in the work tree');
  });

  test('the attack is real: SQLite itself deletes the file', () => {
    const dir = temporaryDirectory();
    const precious = path.join(dir, 'precious');
    fs.writeFileSync(precious, 'x');
    plantHotJournal(path.join(dir, 'a.db'), precious);
    query(path.join(dir, 'a.db'), 'select * from notes');
    expect(fs.existsSync(precious)).toBe(false);
  });

  test('completion makes nothing', async () => {
    const before = fs.readdirSync(repo.dir);
    await devs(repo.dir, 'complete', '--', 'restore', '');
    expect(fs.readdirSync(repo.dir)).toEqual(before);
    expect(fs.existsSync(own())).toBe(false);
  });
});

describe('in the place of the database in the git directory', () => {
  const other = () => {
    const file = path.join(temporaryDirectory(), 'other.db');
    query(file, 'create table notes (text)');
    query(file, "insert into notes values ('mine')");
    return file;
  };

  /** Each leaves the path of what must survive unchanged, or null. */
  const plants: [name: string, plant: () => string | null][] = [
    [
      "a symbolic link to another program's database",
      () => {
        const file = other();
        fs.symlinkSync(file, own());
        return file;
      },
    ],
    [
      "a hard link to another program's database",
      () => {
        const file = other();
        fs.linkSync(file, own());
        return file;
      },
    ],
    [
      'a symbolic link in the place of its write-ahead log',
      () => {
        const file = other();
        fs.symlinkSync(file, own('.devs.db-wal'));
        return file;
      },
    ],
    [
      'a pipe',
      () => {
        expect(spawnSync('mkfifo', [own()]).status).toBe(0);
        return null;
      },
    ],
    [
      'a directory',
      () => {
        fs.mkdirSync(own());
        return null;
      },
    ],
    [
      'a hot journal that names a file of the user',
      () => {
        const file = other();
        plantHotJournal(own(), file);
        return file;
      },
    ],
  ];

  test.each(plants)('%s is not opened: questions answer, and the next run moves it aside', async (_, plant) => {
    await withRun();
    for (const name of fs.readdirSync(repo.path('.git/devs'))) if (name.startsWith('.devs.db')) fs.rmSync(own(name));
    const victim = plant();
    const before = victim === null ? null : fs.readFileSync(victim);
    const log = await devs(repo.dir, 'log');
    expect(log).toMatchObject({ code: 0, stdout: expect.stringContaining('bad: ') });
    expect((await devs(repo.dir, 'complete', '--', 'restore', '')).code).toBe(0);
    expect(await devs(repo.dir, 'run', '--', 'true')).toMatchObject({ code: 0 });
    expect(asideOf()).not.toEqual([]);
    if (victim !== null) expect(fs.readFileSync(victim)).toEqual(before);
    expect(await devs(repo.dir, 'restore', 'bad', '--force')).toMatchObject({ code: 0 });
    expect((await devs(repo.dir, 'log')).stderr).toBe('');
  });

  test.each([
    ['a trigger', 'create trigger t after insert on runs begin delete from runs; end'],
    ['a view', 'create view v as select 1'],
    ['a virtual table', 'create virtual table v using fts5(text)'],
    ['a generated column', 'create table g (a integer, b integer as (a + 1))'],
    ['an index of an expression', 'create index e on runs (upper(id))'],
  ])('a schema with %s is not used', async (_, sql) => {
    await withRun();
    query(own(), sql);
    const { code, stderr } = await devs(repo.dir, 'run', '--', 'true');
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('was damaged, or not devs') });
    expect((await devs(repo.dir, 'log')).stdout).toContain('bad: ');
  });
});

describe('hostile rows', () => {
  test('are set aside each by itself: log, run and restore go on', async () => {
    await withRun();
    const columns = 'id, task_id, status, started_at, exit_code, snapshot_ref, command';
    const bad = (values: string) => query(own(), `insert into runs (${columns}) values (${values})`);
    bad("'../../etc', 'bad', 'failed', '2026-01-01T00:00:00.000Z', 1, null, 'c'");
    bad("'z1', 'bad', 'exploded', '2026-01-01T00:00:00.000Z', 1, null, 'c'");
    bad("'z2', 'bad', 'failed', 'yesterday', 1, null, 'c'");
    bad("'z3', 'bad', 'failed', '2026-01-01T00:00:00.000Z', 1e300, null, 'c'");
    bad("'z4', 'bad', 'failed', '2026-01-01T00:00:00.000Z', 1, 'refs/heads/main', 'c'");
    bad("'z5', 'bad', 'failed', '2026-01-01T00:00:00.000Z', 1, null, x'00ff'");
    bad("'z6', 'bad', 'failed', '2026-01-01T00:00:00.000Z', 1, null, zeroblob(100000000)");
    query(own(), "insert into events (at, kind, run_id, data) values ('x', 'restore', 'z1', '{')");
    query(own(), "insert into events (at, kind, data) values ('2026-01-01T00:00:00.000Z', 'undo', '[1]')");
    const { stdout, code } = await devs(repo.dir, 'log');
    expect({ code, lines: stdout.trim().split('\n').length }).toEqual({ code: 0, lines: 1 });
    expect((await devs(repo.dir, 'run', '--', 'true')).code).toBe(0);
    expect((await devs(repo.dir, 'restore', 'bad', '--force')).code).toBe(0);
    expect(repo.exists('made.txt')).toBe(false);
  });

  test('two hundred thousand that run do not hold up the next run', async () => {
    await withRun();
    query(
      own(),
      `with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000)
       insert into runs (id, task_id, status, started_at, command)
       select 'r' || i, 'bad', 'running', '2026-01-01T00:00:00.000Z', 'c' from n`,
    );
    const started = performance.now();
    const { code, stderr } = await devs(repo.dir, 'run', '--', 'true');
    expect(code).toBe(0);
    expect(stderr.split('\n').length).toBeLessThan(30);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

test('a database that another process has locked: questions answer, with a warning', async () => {
  await withRun();
  const locked = new SQLite(own());
  locked.exec('pragma locking_mode = exclusive; begin exclusive');
  const { code, stdout, stderr } = await devs(repo.dir, 'log');
  locked.exec('commit');
  locked.close();
  expect({ code, stdout, stderr }).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('bad: '),
    stderr: expect.stringContaining('in use by another process'),
  });
});

test.each([
  ['a symbolic link', (file: string, outside: string) => fs.symlinkSync(outside, file)],
  ['a hard link', (file: string, outside: string) => fs.linkSync(outside, file)],
])('an info/exclude that is %s is never written through', async (_, link) => {
  const outside = path.join(temporaryDirectory(), 'rules');
  fs.writeFileSync(outside, 'mine\n');
  fs.rmSync(repo.path('.git/info/exclude'), { force: true });
  fs.mkdirSync(repo.path('.git/info'), { recursive: true });
  link(repo.path('.git/info/exclude'), outside);
  expect((await devs(repo.dir, 'run', '--', 'true')).code).toBe(0);
  expect(fs.readFileSync(outside, 'utf8')).toBe('mine\n');
});

test('the directory and its files are for this user alone', async () => {
  await withRun();
  expect((fs.statSync(repo.path('.git/devs')).mode & 0o777).toString(8)).toBe('700');
  expect((fs.statSync(own()).mode & 0o777).toString(8)).toBe('600');
  expect(json((await devs(repo.dir, 'log', '--json')).stdout)).toMatchObject({ task_id: 'bad' });
});
