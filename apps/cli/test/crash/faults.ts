// Only in the test's own build of the command line: kills the process before its n-th change of the disk, of the database
// or of its children.
import childProcess, { type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import process from 'node:process';
import SQLite from 'better-sqlite3';

const at = Number(process.env.DEVS_TEST_FAULT_AT);
const who = process.env.DEVS_TEST_FAULT_WHO;
let count = 0;
let child: ChildProcess | undefined;

function step(): void {
  if (++count !== at) return;
  if (who === 'both') child?.kill('SIGKILL');
  process.kill(process.pid, 'SIGKILL');
}

type Method = (...args: unknown[]) => unknown;

function wrap(owner: object, name: string, isChange: (args: readonly unknown[]) => boolean = () => true): void {
  const methods = owner as Record<string, Method>;
  const real = methods[name]!;
  methods[name] = function (this: unknown, ...args) {
    if (isChange(args)) step();
    return real.apply(this, args);
  };
}

const CHANGES =
  'appendFileSync chmodSync fchmodSync ftruncateSync fsyncSync linkSync mkdirSync renameSync rmdirSync rmSync symlinkSync unlinkSync utimesSync writeFileSync writeSync';
for (const name of CHANGES.split(' ')) wrap(fs, name);
wrap(fs, 'openSync', (args) => String(args[1]).includes('w'));
wrap(SQLite.prototype, 'exec');
const prepare = SQLite.prototype.prepare;
SQLite.prototype.prepare = function (this: SQLite.Database, ...args: Parameters<typeof prepare>) {
  const statement = prepare.apply(this, args);
  if (!statement.reader) wrap(statement, 'run');
  return statement;
} as typeof prepare;
const spawn = childProcess.spawn as (...args: unknown[]) => ChildProcess;
childProcess.spawn = ((...args: unknown[]) => {
  step();
  child = spawn(...args);
  return child;
}) as typeof childProcess.spawn;
