// The history's database, with any values in its cells, and with any bytes in its file. How to add a
// target: see fuzz.ts of the test kit.
import fs from 'node:fs';
import path from 'node:path';
import { type FuzzTarget, fuzz, fuzzTimeout, temporaryDirectory } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { DATABASE_FILE, DatabaseError, isId, openCopy, openDatabase, RunLog } from '../../src/index.ts';
import { openSqlite } from '../../src/open/sqlite.ts';

const STATUS = /^(?:running|succeeded|failed|crashed|snapshot)$/;
const REF = /^refs\/devs\/snapshots\/[\w.-]+$/;
const NAMES = ['@', 'r1', 't', 'nothing', '%', '_', "'"];

/** Asks all that a command asks, and judges each answer. */
async function ask(log: RunLog): Promise<void> {
  const runs = [
    await log.list(10),
    await log.runsWithSnapshots(),
    ...(await Promise.all(NAMES.map((name) => log.find(name)))),
  ];
  for (const run of runs.flat()) {
    expect(isId(run.id) && isId(run.taskId) && STATUS.test(run.status)).toBe(true);
    expect(typeof run.command).toBe('string');
    expect(new Date(run.startedAt).toISOString()).toMatch(/Z$/);
    for (const ref of [run.snapshotRef, run.afterRef]) expect(ref === null || REF.test(ref)).toBe(true);
    for (const count of [run.exitCode, run.filesChanged, run.linesAdded])
      expect(count === null || count >= 0).toBe(true);
  }
  for (const event of await log.events(['crash', 'restore', 'undo', 'drop', 'gc', 'takeover'])) {
    expect(event.runId === null || isId(event.runId)).toBe(true);
    expect(typeof event.data).toBe('object');
  }
  const task = await log.task('t');
  if (task !== undefined) expect(isId(task.id) && STATUS.test(task.status)).toBe(true);
}

const dir = temporaryDirectory();
const { db, close } = await openDatabase(dir);
const log = new RunLog(db);
await log.start({
  id: 'r1',
  taskId: 't',
  command: 'a b',
  headBefore: 'a'.repeat(40),
  snapshotRef: 'refs/devs/snapshots/r1',
});
await log.finish('r1', { status: 'failed', exitCode: 1 });
await log.event('restore', 'r1', { paths: ['a'] });
const raw = openSqlite(path.join(dir, DATABASE_FILE));
raw.exec('pragma foreign_keys = OFF; pragma ignore_check_constraints = ON; pragma synchronous = OFF');

const TABLES = ['tasks', 'runs', 'events'] as const;
const columns = new Map(
  TABLES.map(
    (table) =>
      [
        table,
        raw
          .prepare(`select * from ${table}`)
          .columns()
          .map(({ name }) => name),
      ] as const,
  ),
);

type Cell = string | number | bigint | Buffer | null;

/** A line for each row: the table, then a cell after each tab, with its type in the first character. */
function encodeRow(table: string, row: Readonly<Record<string, unknown>>): string {
  const cells = Object.values(row).map((value) => {
    if (value === null) return 'n';
    return typeof value === 'number' ? `i${value}` : `t${String(value)}`;
  });
  return [table, ...cells].join('\t');
}

function cellOf(text: string): Cell {
  const rest = text.slice(1);
  if (text[0] === 't') return rest;
  if (text[0] === 'b') return Buffer.from(rest, 'latin1');
  if (text[0] === 'i') return /^-?\d{1,18}$/.test(rest) ? BigInt(rest) : Number(rest);
  return null;
}

function fill(input: Buffer): void {
  for (const table of TABLES) raw.exec(`delete from ${table}`);
  for (const line of input.toString('latin1').split('\n')) {
    const [table, ...cells] = line.split('\t');
    const names = columns.get(table as (typeof TABLES)[number]);
    if (names === undefined) continue;
    const values = names.map((_, i) => cellOf(cells[i] ?? 'n'));
    raw.prepare(`insert or replace into ${table} values (${names.map(() => '?').join(', ')})`).run(...values);
  }
}

const seed = TABLES.flatMap((table) =>
  (raw.prepare(`select * from ${table}`).all() as Record<string, unknown>[]).map((row) => encodeRow(table, row)),
).join('\n');

const copyDir = temporaryDirectory();
raw.exec('pragma wal_checkpoint(TRUNCATE)');
const whole = fs.readFileSync(path.join(dir, DATABASE_FILE));

const TARGETS: readonly FuzzTarget[] = [
  {
    name: 'rows',
    seeds: () => [Buffer.from(seed), Buffer.from(seed.replace('failed', 'running'))],
    tokens: [
      '\tn',
      '\ti-1',
      '\ti9007199254740993',
      '\ti1e999',
      '\tb\0\xff',
      '\tt',
      '\truns',
      '{"__proto__":1}',
      '\u001b[31m',
      '../',
    ],
    refuses: (error) =>
      error instanceof DatabaseError ||
      /^SQLITE_(?:CONSTRAINT|MISMATCH|RANGE)/.test((error as { code?: string }).code ?? ''),
    run: async (input) => {
      fill(input);
      await ask(log);
      for (const run of await log.markCrashed()) expect(isId(run.id)).toBe(true);
      expect(await log.hasRunning()).toBe(false);
      await ask(log);
    },
  },
  {
    name: 'database-file',
    seeds: () => [whole],
    tokens: ['SQLite format 3\0', 'CREATE TABLE ', 'CREATE TRIGGER ', 'CREATE VIEW runs', 'text', '\xff\xff\xff\xff'],
    refuses: (error) => error instanceof DatabaseError,
    run: async (input) => {
      fs.writeFileSync(path.join(copyDir, DATABASE_FILE), input);
      const opened = await openCopy(copyDir);
      try {
        await ask(new RunLog(opened!.db));
      } finally {
        await opened!.close();
      }
    },
  },
];

test.each(TARGETS.map((target) => [target.name, target] as const))(
  '%s',
  async (_, target) => {
    const report = await fuzz(target, import.meta.dirname);
    expect(report.inputs).toBeGreaterThanOrEqual(200);
    expect(report.sound).toBeGreaterThan(0);
  },
  fuzzTimeout(),
);

test('the database that was used is closed', () => close());
