// The packages as users get them: packed, checked, installed into an empty project, imported and run.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { Repo, temporaryDirectory } from '@devs/test-kit';
import { beforeAll, describe, expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '../../..');
const PACKAGES = ['packages/lock', 'packages/snapshot', 'packages/db', 'apps/cli'];
const tool = (name: string) => path.join(root, 'node_modules/.bin', name);

let tarballs: Map<string, string>;

function run(cwd: string, command: string, ...args: string[]): string {
  const env = { ...process.env, npm_config_loglevel: 'error' };
  return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** The pnpm that runs these tests, or the one that package.json names. */
function pnpm(cwd: string, ...args: string[]): string {
  const { packageManager } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  return run(cwd, 'npx', '-y', packageManager, ...args);
}

beforeAll(() => {
  const dir = temporaryDirectory();
  tarballs = new Map(
    PACKAGES.map((name) => {
      pnpm(path.join(root, name), 'pack', '--pack-destination', dir);
      const { name: full, version } = JSON.parse(fs.readFileSync(path.join(root, name, 'package.json'), 'utf8'));
      return [full, path.join(dir, `${full.slice(1).replace('/', '-')}-${version}.tgz`)];
    }),
  );
}, 300_000);

test.each(PACKAGES)('%s: publint and arethetypeswrong have nothing to say', { timeout: 60_000 }, (name) => {
  run(path.join(root, name), tool('publint'), '--strict', '--pack', 'npm');
  const { name: full } = JSON.parse(fs.readFileSync(path.join(root, name, 'package.json'), 'utf8'));
  // These are ES modules only, for Node 20.19 and newer, where `require` loads them too.
  run(root, tool('attw'), tarballs.get(full)!, '--profile', 'esm-only');
});

test('every package carries its licence, its README and nothing of the tests', () => {
  for (const tarball of tarballs.values()) {
    const files = run('/', 'tar', '-tzf', tarball).split('\n').filter(Boolean);
    expect(files).toEqual(expect.arrayContaining(['package/LICENSE', 'package/README.md', 'package/package.json']));
    expect(files.filter((file) => /test|tsbuildinfo|vitest/.test(file))).toEqual([]);
    const manifest = JSON.parse(run('/', 'tar', '-xzOf', tarball, 'package/package.json'));
    expect(manifest).toMatchObject({ license: 'MIT', engines: { node: '>=20.19' }, type: 'module' });
    expect(JSON.stringify(manifest.dependencies ?? {})).not.toContain('workspace:');
  }
});

const USE = `
import { AtomicSnapshot, type RestoreReport } from '@devs/snapshot';
import { type LockData, StateLock, StateLockConflictError } from '@devs/lock';
import { openDatabase, RunLog } from '@devs/db';
import { type RunResult, TaskRunner } from '@devs/cli';

const cwd: string = process.argv[2]!;
const ref: string = await AtomicSnapshot.take(cwd, 'packed');
const report: RestoreReport = await AtomicSnapshot.restore(cwd, ref);
await using held = await StateLock.acquire(cwd, 'packed');
const second: LockData | null = await StateLock.acquire(cwd, 'second').then(
  () => null,
  (error) => (error instanceof StateLockConflictError ? error.lockData : null),
);
await held.release();
const result: RunResult = await new TaskRunner({ cwd }).run({ id: 'packed', run: async () => {} });
const { db, close } = await openDatabase(cwd + '/.git/devs');
const [run] = await new RunLog(db).list(1);
await close();
console.log(report.written.length, second?.task_id, result.status, run?.taskId);
`;

/** An empty project; its only knowledge of this workspace is the tarballs. */
function project(): string {
  const dir = temporaryDirectory();
  fs.writeFileSync(path.join(dir, 'use.ts'), USE);
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2022', 'esnext.disposable'],
    strict: true,
    skipLibCheck: true,
    types: ['node'],
  };
  fs.writeFileSync(path.join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));
  return dir;
}

/** From the tarballs, which are in no registry: nothing may ask one for them. */
function install(manager: string, dir: string): void {
  const ours = Object.fromEntries([...tarballs].map(([name, file]) => [name, `file:${file}`]));
  const others = { 'better-sqlite3': '12.11.1', '@types/node': '^20.0.0' };
  const manifest = { type: 'module', private: true, dependencies: { ...ours, ...others } };
  if (manager === 'npm') {
    const overrides = Object.fromEntries([...tarballs.keys()].map((name) => [name, `$${name}`]));
    fs.writeFileSync(path.join(dir, 'package.json'), JSON.stringify({ ...manifest, overrides }));
    run(dir, 'npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline');
  } else {
    fs.writeFileSync(path.join(dir, 'package.json'), JSON.stringify(manifest));
    fs.writeFileSync(path.join(dir, 'pnpm-workspace.yaml'), `overrides: ${JSON.stringify(ours)}\n`);
    pnpm(dir, 'install', '--ignore-scripts', '--prefer-offline');
  }
}

/** SQLite's native part was compiled for the workspace; compiling it again here would show nothing new. */
function takeNativePart(dir: string): void {
  const from = fs.realpathSync(path.join(root, 'apps/cli/node_modules/better-sqlite3/build'));
  const to = path.join(fs.realpathSync(path.join(dir, 'node_modules/better-sqlite3')), 'build');
  fs.rmSync(to, { recursive: true, force: true });
  fs.cpSync(from, to, { recursive: true });
}

describe.each(['npm', 'pnpm'])('installed by %s into an empty project', (manager) => {
  test('it type-checks, imports, works, and the command runs', { timeout: 300_000 }, () => {
    const dir = project();
    install(manager, dir);
    takeNativePart(dir);
    run(dir, tool('tsc'), '-p', '.');
    const repo = Repo.withWork();
    const before = repo.git('status', '--porcelain');
    expect(run(dir, process.execPath, 'use.js', repo.dir)).toBe('0 packed succeeded packed\n');
    const bin = path.join(dir, 'node_modules/.bin/devs');
    expect(run(repo.dir, bin, 'run', '--', 'git', 'status', '--porcelain').trim()).toBe(before.trim());
    expect(run(repo.dir, bin, '--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
