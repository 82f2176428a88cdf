// The library is compiled by tsc. The command line is one bundle, for a start without a hundred file reads, and comes
// with V8's code cache of a first run.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';

fs.rmSync('dist', { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit', shell: process.platform === 'win32' });
await build({
  entryPoints: ['src/bin.ts'],
  outfile: 'dist/bin/main.cjs',
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20.19',
  minify: true,
  legalComments: 'linked',
  conditions: ['devs-source'],
  // jsonc-parser's CommonJS build cannot be bundled; its ES module build can.
  mainFields: ['module', 'main'],
  external: ['better-sqlite3'],
  logLevel: 'warning',
});
fs.copyFileSync('src/loader.cjs', 'dist/bin/devs.cjs');
fs.chmodSync('dist/bin/devs.cjs', 0o755);
warmUp();

/** One real run, in a repository made by hand, so that the cache holds what a run needs. */
function warmUp() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'devs-build-'));
  try {
    for (const name of ['objects', 'refs/heads']) fs.mkdirSync(path.join(dir, '.git', name), { recursive: true });
    fs.writeFileSync(path.join(dir, '.git/HEAD'), 'ref: refs/heads/main\n');
    fs.writeFileSync(path.join(dir, '.git/config'), '[core]\n\trepositoryformatversion = 0\n');
    for (let i = 0; i < 20; i++) fs.writeFileSync(path.join(dir, `file${i}`), `${i}\n`);
    const env = { ...process.env, DEVS_BUILD_CODE_CACHE: '1' };
    const args = [path.resolve('dist/bin/devs.cjs'), 'run', '--', process.execPath, '-e', '0'];
    execFileSync(process.execPath, args, { cwd: dir, env, stdio: ['ignore', 'ignore', 'inherit'] });
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}
