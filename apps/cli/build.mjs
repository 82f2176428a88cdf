// The library is compiled by tsc; the command line is bundled, for a start without a hundred file reads.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { build } from 'esbuild';

fs.rmSync('dist', { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit', shell: process.platform === 'win32' });
await build({
  entryPoints: ['src/bin.ts'],
  outdir: 'dist/bin',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  minify: true,
  legalComments: 'linked',
  conditions: ['devs-source'],
  // jsonc-parser's CommonJS build cannot be bundled; its ES module build can.
  mainFields: ['module', 'main'],
  external: ['better-sqlite3'],
  // CommonJS dependencies in an ESM bundle need these.
  banner: {
    js: "import{createRequire as __devsRequire}from'node:module';const require=__devsRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
fs.chmodSync('dist/bin/bin.js', 0o755);
