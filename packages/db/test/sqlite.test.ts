import path from 'node:path';
import v8 from 'node:v8';
import vm from 'node:vm';
import { temporaryDirectory } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { openDatabase, RunLog } from '../src/index.ts';
import { openSqlite } from '../src/open/sqlite.ts';

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc') as () => void;

/** An object that nothing else holds is gone after this: the control for what must stay. */
async function collect(): Promise<void> {
  const control = new WeakRef({});
  for (let i = 0; control.deref() !== undefined && i < 100; i++) {
    await new Promise(setImmediate);
    collectGarbage();
  }
  expect(control.deref()).toBeUndefined();
}

test('no connection and no statement is garbage collected: with Node 24.19 or newer that may abort the process', async () => {
  const open = () => {
    const sqlite = openSqlite(path.join(temporaryDirectory(), 'x.db'));
    const statement = new WeakRef(sqlite.prepare('select 1'));
    sqlite.close();
    return { sqlite: new WeakRef(sqlite), statement };
  };
  const { sqlite, statement } = open();
  await collect();
  expect(statement.deref()).toBeDefined();
  expect(sqlite.deref()).toBeDefined();
});

test('a statement is prepared once a connection', () => {
  const sqlite = openSqlite(path.join(temporaryDirectory(), 'x.db'));
  expect(sqlite.prepare('select 1')).toBe(sqlite.prepare('select 1'));
  expect(sqlite.prepare('select 2')).not.toBe(sqlite.prepare('select 1'));
  sqlite.close();
});

test('a database opened, asked, closed and forgotten a hundred times, with garbage collected in between', async () => {
  const dir = temporaryDirectory();
  for (let i = 0; i < 100; i++) {
    const { db, close } = await openDatabase(dir);
    expect(await new RunLog(db).find('none')).toEqual([]);
    await close();
    collectGarbage();
  }
});
