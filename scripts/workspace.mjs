// What the entry scripts share: they run on a fresh clone, so they use nothing but Node.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const installed = path.join(root, 'node_modules/.modules.yaml');
const built = path.join(root, 'node_modules/.devs-built');

/** Installs when the lockfile is newer than the last install. Says so in one line: it takes minutes the first time. */
export function ensureInstalled() {
  if (mtime(installed) >= mtime(path.join(root, 'pnpm-lock.yaml'))) return;
  process.stderr.write('devs: installing dependencies (once; it compiles SQLite, about two minutes)\n');
  pnpm(['install', '--frozen-lockfile', '--reporter=append-only']);
  fs.utimesSync(installed, new Date(), new Date());
}

/** Builds when a source is newer than the last build; turbo then builds only the packages concerned. */
export function ensureBuilt() {
  const newest = Math.max(
    ...['packages', 'apps', 'tsconfig.base.json', 'pnpm-lock.yaml'].map((name) => newestIn(path.join(root, name))),
  );
  if (mtime(built) >= newest) return;
  pnpm(['exec', 'turbo', 'run', 'build', '--filter=@devs/cli', '--output-logs=errors-only']);
  fs.writeFileSync(built, '');
}

/** Runs pnpm in the workspace; its output is shown only when it fails. */
function pnpm(args) {
  const cli = process.env.npm_execpath;
  const [command, prefix] = cli?.endsWith('js') ? [process.execPath, [cli]] : [cli ?? 'pnpm', []];
  // pnpm-workspace.yaml says the same, for who installs without this script; another pnpm might not read it.
  const fromSource = { npm_config_build_from_source: 'better-sqlite3' };
  const env = { ...process.env, ...fromSource, ...ownHeaders() };
  const result = spawnSync(command, [...prefix, ...args], { cwd: root, env, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error ?? ''}\n`);
  process.stderr.write(`devs: pnpm ${args.join(' ')} failed\n`);
  process.exit(125);
}

/** Where SQLite must be compiled: with the headers that came with this Node, where they did, instead of a download. */
function ownHeaders() {
  const nodedir = path.resolve(process.execPath, '../..');
  const header = path.join(nodedir, 'include/node/node_version.h');
  if (!fs.existsSync(header)) return {};
  const text = fs.readFileSync(header, 'utf8');
  const number = (name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1];
  const version = `v${number('MAJOR')}.${number('MINOR')}.${number('PATCH')}`;
  return version === process.version ? { npm_config_nodedir: nodedir } : {};
}

function newestIn(file) {
  const stat = fs.statSync(file);
  if (!stat.isDirectory()) return stat.mtimeMs;
  const skip = new Set(['node_modules', 'dist', 'test', '.turbo', 'test-report.json']);
  return Math.max(
    0,
    ...fs
      .readdirSync(file)
      .filter((name) => !skip.has(name))
      .map((name) => newestIn(path.join(file, name))),
  );
}

function mtime(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? -1;
}
