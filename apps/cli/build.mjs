// The library is compiled by tsc. The command line is one bundle, for a start without a hundred file reads, and comes
// with V8's code cache of a first run.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { warmUp } from './warm-up.mjs';

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
wrap('dist/bin/main.cjs');
fs.copyFileSync('src/loader.cjs', 'dist/bin/devs.cjs');
fs.chmodSync('dist/bin/devs.cjs', 0o755);
warmUp(path.resolve('dist/bin/devs.cjs'));

/**
 * As one function, in ASCII alone: the loader then compiles the text as it is and reads it sooner. esbuild escapes everything
 * but what is in regular expressions.
 */
function wrap(file) {
  const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const text = fs.readFileSync(file, 'utf8').replace(/[^\x00-\x7f]/g, escaped);
  fs.writeFileSync(file, `(function (exports, require, module, __filename, __dirname) {${text}\n})`);
}
