import process from 'node:process';
import manifest from '../package.json' with { type: 'json' };
import { main } from './program.ts';

// Not awaited at the top: the bundle is CommonJS, which starts sooner and can be cached compiled (see loader.cjs).
void main({
  args: process.argv.slice(2),
  cwd: process.cwd(),
  env: process.env,
  version: manifest.version,
}).then((exitCode) => {
  process.exitCode = exitCode;
});
