// Builds the adversary and runs it: `node main.mjs <cases> [<first seed>]`; see main.ts.
import path from 'node:path';
import { build } from 'esbuild';

const outfile = path.join(import.meta.dirname, '../../node_modules/.cache/devs-adversary/main.mjs');
await build({
  entryPoints: [path.join(import.meta.dirname, 'main.ts')],
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  alias: { '@devs/test-kit': path.join(import.meta.dirname, '../../../../packages/test-kit/src/fingerprint.ts') },
  define: { 'import.meta.dirname': JSON.stringify(path.join(import.meta.dirname, '..')) },
});
await import(outfile);
