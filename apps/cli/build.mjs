// The library is compiled by tsc. The command line is one bundle, for a start without a hundred file reads, and comes
// with V8's code cache of a first run.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';

fs.rmSync('dist', { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit', shell: process.platform === 'win32' });

/**
 * Node's own modules as one ES module each. esbuild would copy every name of them in every file that imports them: 4 ms of
 * each start.
 */
const nodeModulesOnce = {
  name: 'node-modules-once',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path: name, kind }) =>
      kind === 'import-statement' ? { path: name, namespace: 'node-module', sideEffects: false } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'node-module' }, async ({ path: name }) => {
      const names = Object.keys(await import(name)).filter((key) => key !== 'default');
      // As calls that esbuild may leave out where nobody wants the name.
      const exported = names.map((key) => `export const ${key} = /* @__PURE__ */ (() => all.${key})();`);
      return { contents: [`const all = require('${name}');`, 'export default all;', ...exported].join('\n') };
    });
  },
};

/**
 * better-sqlite3 finds its compiled part by the name of the file that asks, trying a dozen places. In the bundle it is asked
 * for where both its downloads and its own build put it: 5 ms of each start less.
 */
const sqliteAddon = {
  name: 'sqlite-addon',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^bindings$/ }, ({ path: name }) => ({ path: name, namespace: 'sqlite-addon' }));
    onLoad({ filter: /.*/, namespace: 'sqlite-addon' }, () => ({
      contents: "module.exports = () => require('better-sqlite3/build/Release/better_sqlite3.node');",
      resolveDir: import.meta.dirname,
    }));
  },
};

await build({
  plugins: [nodeModulesOnce, sqliteAddon],
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
  external: ['better-sqlite3/build/*'],
  logLevel: 'warning',
});
asAscii('dist/bin/main.cjs');
fs.copyFileSync('src/loader.cjs', 'dist/bin/devs.cjs');
fs.chmodSync('dist/bin/devs.cjs', 0o755);
warmUp();

/** The loader reads it sooner so. esbuild escapes everything but what is in regular expressions. */
function asAscii(file) {
  const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(/[^\x00-\x7f]/g, escaped));
}

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
