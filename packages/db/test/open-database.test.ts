import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { temporaryDirectory } from '@devs/test-kit';
import type SQLite from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  checkDatabase,
  latestMigration,
  migrateToLatest,
  openDatabase,
  type RecoveryWarning,
  RunLog,
  replaceDamaged,
  type Schema,
} from '../src/index.ts';
import { openSqlite } from '../src/open/sqlite.ts';

let dir: string;
const file = () => path.join(dir, '.devs.db');
const DIST = path.join(import.meta.dirname, '../dist/index.js');

beforeEach(() => {
  dir = temporaryDirectory();
});

/** Opens the database in another process, commits a run there, says so, and stays. */
async function holder(): Promise<ChildProcess> {
  const script = `
    const { openDatabase, RunLog } = await import(${JSON.stringify(DIST)});
    const { db } = await openDatabase(process.argv[1]);
    await new RunLog(db).start({ id: 'r1', taskId: 't', command: 'c', headBefore: null, snapshotRef: 'refs/devs/snapshots/x' });
    console.log('committed');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

describe('a write-ahead log left behind by kill -9', () => {
  test('is moved into the database with a warning, and every committed row is there', async () => {
    await kill(await holder());
    expect(fs.statSync(`${file()}-wal`).size).toBeGreaterThan(0);
    const warnings: RecoveryWarning[] = [];
    const { db, close } = await openDatabase(dir, { onWarning: (warning) => warnings.push(warning) });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]!.message).toContain('.devs.db-wal and .devs.db-shm');
    expect(fs.statSync(`${file()}-wal`).size).toBe(0);
    expect(await new RunLog(db).find('r1')).toMatchObject([
      { id: 'r1', status: 'running', snapshotRef: 'refs/devs/snapshots/x' },
    ]);
    await close();
    expect(fs.readdirSync(dir)).toEqual(['.devs.db']);
  });

  test('is left alone while a living run may use it', async () => {
    const child = await holder();
    const warnings: RecoveryWarning[] = [];
    const { db, close } = await openDatabase(dir, { hasLiveRun: () => true, onWarning: (w) => warnings.push(w) });
    expect(warnings).toEqual([]);
    expect(await new RunLog(db).find('r1')).toHaveLength(1);
    await close();
    await kill(child);
  });
});

describe('migrations', () => {
  const columns = async (database: SQLite.Database) =>
    (database.prepare('pragma table_info(tasks)').all() as { name: string }[]).map(({ name }) => name);

  test('snapshot_stash_ref is added by a migration of its own to a database that has tasks without it', async () => {
    const old = openSqlite(file());
    old.exec(`create table tasks (id text primary key not null, command text not null, status text not null,
      created_at text not null, updated_at text not null)`);
    old.exec("insert into tasks values ('t', 'c', 'failed', '2026', '2026')");
    expect(await columns(old)).not.toContain('snapshot_stash_ref');
    old.close();
    const { db, close } = await openDatabase(dir);
    expect(await db.selectFrom('tasks').select(['id', 'snapshot_stash_ref']).execute()).toEqual([
      { id: 't', snapshot_stash_ref: null },
    ]);
    await close();
  });

  test('run twice, and where the column exists already, change nothing', async () => {
    const database = openSqlite(file());
    const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database }) });
    await migrateToLatest(db);
    database.exec('delete from kysely_migration');
    await migrateToLatest(db);
    expect((await columns(database)).filter((name) => name === 'snapshot_stash_ref')).toHaveLength(1);
    const last = await db
      .withTables<{ kysely_migration: { name: string } }>()
      .selectFrom('kysely_migration')
      .select('name')
      .orderBy('name', 'desc')
      .executeTakeFirst();
    expect(last?.name).toBe(latestMigration);
    await db.destroy();
  });

  test('by six processes at once, again and again', async () => {
    const script = `const { openDatabase } = await import(${JSON.stringify(DIST)}); await (await openDatabase(process.argv[1])).close();`;
    const open = (at: string) => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script, at], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      return new Promise((resolve) => child.once('exit', resolve));
    };
    for (let round = 0; round < 5; round++) {
      const at = temporaryDirectory();
      expect(await Promise.all(Array.from({ length: 6 }, () => open(at)))).toEqual([0, 0, 0, 0, 0, 0]);
    }
  });
});

test('opened and closed without a question asked, it leaves no file behind', async () => {
  for (let i = 0; i < 2; i++) {
    await (await openDatabase(dir)).close();
    expect(fs.readdirSync(dir)).toEqual(['.devs.db']);
  }
});

describe('transactions', () => {
  test('begin immediate: two that read and then write both succeed', async () => {
    const [first, second] = [await openDatabase(dir), await openDatabase(dir)];
    await first.db
      .insertInto('tasks')
      .values({ id: 't', command: 'c', status: 'failed', created_at: '', updated_at: '' })
      .execute();
    // The second connection's statement waits inside SQLite, which blocks this thread: so it gets a short timeout.
    await second.db.executeQuery((await import('kysely')).CompiledQuery.raw('pragma busy_timeout = 50'));
    await first.db.transaction().execute(async (trx) => {
      await trx.selectFrom('tasks').selectAll().execute();
      const blocked = second.db.transaction().execute(async (other) => other.selectFrom('tasks').selectAll().execute());
      await expect(blocked).rejects.toMatchObject({ code: 'DEVS_DB_BUSY' });
      await trx.updateTable('tasks').set({ command: 'changed' }).execute();
    });
    expect(await second.db.selectFrom('tasks').select('command').execute()).toEqual([{ command: 'changed' }]);
    await first.close();
    await second.close();
  });

  test('synchronous is FULL and the journal is a write-ahead log', async () => {
    const { db, close } = await openDatabase(dir);
    const { CompiledQuery } = await import('kysely');
    expect((await db.executeQuery(CompiledQuery.raw('pragma synchronous'))).rows).toEqual([{ synchronous: 2 }]);
    expect((await db.executeQuery(CompiledQuery.raw('pragma journal_mode'))).rows).toEqual([{ journal_mode: 'wal' }]);
    await close();
  });
});

describe('bad input', () => {
  test('a file that is not SQLite is refused by name and left alone', async () => {
    fs.writeFileSync(file(), 'my notes, which happen to have this name\n'.repeat(50));
    const before = fs.readFileSync(file(), 'utf8');
    await expect(openDatabase(dir)).rejects.toMatchObject({ name: 'DatabaseError', code: 'DEVS_DB_NOT_SQLITE' });
    expect(fs.readFileSync(file(), 'utf8')).toBe(before);
    expect(fs.readdirSync(dir)).toEqual(['.devs.db']);
  });

  test('a directory that does not exist', async () => {
    await expect(openDatabase(path.join(dir, 'none'))).rejects.toMatchObject({
      message: expect.stringMatching(/directory|opened/),
    });
  });
});

describe('a damaged database', () => {
  /** A database with enough rows for several pages. */
  async function make(): Promise<void> {
    const { db, close } = await openDatabase(dir);
    const log = new RunLog(db);
    for (let i = 0; i < 200; i++) {
      await log.event('drop', null, { text: 'x'.repeat(200), i });
    }
    await close();
  }

  const damages: [name: string, damage: () => void][] = [
    ['truncated in its header', () => fs.truncateSync(file(), 10)],
    ['truncated in its first page', () => fs.truncateSync(file(), 700)],
    ['truncated between pages', () => fs.truncateSync(file(), 4096 * 2)],
    [
      'its beginning lost to zeros',
      () => {
        const fd = fs.openSync(file(), 'r+');
        fs.writeSync(fd, Buffer.alloc(4096), 0, 4096, 0);
        fs.closeSync(fd);
      },
    ],
    [
      'a page overwritten',
      () => {
        const fd = fs.openSync(file(), 'r+');
        for (let page = 1; page < 12; page++) fs.writeSync(fd, Buffer.alloc(4096, 0xa5), 0, 4096, 4096 * page);
        fs.closeSync(fd);
      },
    ],
  ];

  test.each(damages)('%s: said so, and with replaceDamaged moved aside, not deleted', async (_, damage) => {
    await make();
    damage();
    const bytes = fs.readFileSync(file());
    const use = async (options?: { replaceDamaged: boolean; onWarning: (warning: RecoveryWarning) => void }) => {
      const opened = await openDatabase(dir, options);
      try {
        await new RunLog(opened.db).events(['drop']);
        await new RunLog(opened.db).list(1);
      } finally {
        await opened.close();
      }
    };
    await expect(use()).rejects.toMatchObject({ code: 'DEVS_DB_DAMAGED' });
    const warnings: RecoveryWarning[] = [];
    const onWarning = (warning: RecoveryWarning) => warnings.push(warning);
    try {
      await use({ replaceDamaged: true, onWarning });
    } catch (error) {
      // Some damage shows only when the page is read.
      expect(error).toMatchObject({ code: 'DEVS_DB_DAMAGED' });
      replaceDamaged(file(), { onWarning });
      await use();
    }
    expect(warnings).toMatchObject([{ code: 'DEVS_DB_REPLACED' }]);
    expect(fs.readFileSync(warnings[0]!.files[0]!).subarray(0, 100)).toEqual(bytes.subarray(0, 100));
  });

  test('checkDatabase names what is wrong and leaves no file behind', async () => {
    expect(checkDatabase(dir)).toEqual({ exists: false, leftovers: [], problems: [] });
    await make();
    expect(checkDatabase(dir)).toEqual({ exists: true, leftovers: [], problems: [] });
    expect(fs.readdirSync(dir)).toEqual(['.devs.db']);
    const child = await holder();
    expect(checkDatabase(dir)).toMatchObject({ leftovers: [`${file()}-wal`, `${file()}-shm`], problems: [] });
    await kill(child);
    const wal = fs.readFileSync(`${file()}-wal`);
    expect(checkDatabase(dir).leftovers).toHaveLength(2);
    expect(fs.readFileSync(`${file()}-wal`)).toEqual(wal);
    for (const [, damage] of damages.slice(2)) {
      fs.rmSync(dir, { recursive: true });
      fs.mkdirSync(dir);
      await make();
      damage();
      expect(checkDatabase(dir).problems).not.toEqual([]);
    }
  });

  test('a file that never was a database is moved aside as well, byte for byte', async () => {
    const notes = 'the notes of somebody who likes this name, long enough to be looked at '.repeat(20);
    fs.writeFileSync(file(), notes);
    const warnings: RecoveryWarning[] = [];
    await (await openDatabase(dir, { replaceDamaged: true, onWarning: (w) => warnings.push(w) })).close();
    expect(fs.readFileSync(warnings[0]!.files[0]!, 'utf8')).toBe(notes);
  });
});

describe('RunLog', () => {
  test('a run from start to end, and what its task says of it', async () => {
    const { db, close } = await openDatabase(dir);
    const log = new RunLog(db);
    const run = (id: string) => ({
      id,
      taskId: 'fmt',
      command: 'pnpm format',
      headBefore: null,
      snapshotRef: `refs/devs/snapshots/${id}`,
    });
    await log.start(run('a1'));
    expect(await log.task('fmt')).toMatchObject({ status: 'running', snapshotStashRef: 'refs/devs/snapshots/a1' });
    await log.finish('a1', { status: 'failed', exitCode: 3 });
    expect(await log.task('fmt')).toMatchObject({ status: 'failed', snapshotStashRef: 'refs/devs/snapshots/a1' });
    await log.start(run('a2'));
    await log.finish('a2', { status: 'succeeded', exitCode: 0, forget: true });
    // The older run's snapshot is not the task's any more.
    await log.setSnapshots('a1', { snapshotRef: 'refs/devs/snapshots/x', afterRef: null }, 'undo', { why: 'test' });
    expect(await log.events(['undo'], ['a1'])).toMatchObject([{ data: { why: 'test' } }]);
    expect(await log.events(['restore'])).toEqual([]);
    expect((await log.runsWithSnapshots()).map(({ id }) => id)).toEqual(['a1']);
    expect(await log.task('fmt')).toMatchObject({ status: 'succeeded', snapshotStashRef: null });
    expect((await log.list(10)).map(({ id }) => id)).toEqual(['a2', 'a1']);
    expect((await log.find('fmt')).map(({ id }) => id)).toEqual(['a2']);
    expect((await log.find('@')).map(({ id }) => id)).toEqual(['a2']);
    expect((await log.find('a')).map(({ id }) => id)).toEqual(['a2', 'a1']);
    expect(await log.find('%')).toEqual([]);
    await log.start({ ...run('20260101-000000000-abc123'), command: 'other' });
    expect((await log.find('abc123')).map(({ command }) => command)).toEqual(['other']);
    expect(await log.find('c123')).toEqual([]);
    expect((await log.list(2))[0]).toMatchObject({ id: 'a2', command: 'pnpm format' });
    await close();
  });

  test('markCrashed ends what never ended, and keeps its snapshot', async () => {
    const { db, close } = await openDatabase(dir);
    const log = new RunLog(db);
    await log.start({ id: 'a1', taskId: 't', command: 'c', headBefore: null, snapshotRef: 'refs/devs/snapshots/x' });
    expect(await log.markCrashed()).toMatchObject([{ id: 'a1' }]);
    expect(await log.markCrashed()).toEqual([]);
    expect(await log.find('a1')).toMatchObject([{ status: 'crashed', snapshotRef: 'refs/devs/snapshots/x' }]);
    expect(await log.task('t')).toMatchObject({ status: 'crashed', snapshotStashRef: 'refs/devs/snapshots/x' });
    await close();
  });
});
