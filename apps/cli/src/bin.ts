import process from 'node:process';
import manifest from '../package.json' with { type: 'json' };
import { main } from './commands/program.ts';

const OUTPUTS = [process.stdout, process.stderr];

// Who reads may be gone (`devs log | head`, a closed terminal): what was begun is finished all the
// same.
for (const stream of OUTPUTS) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
  });
}

// Not awaited at the top: the bundle is CommonJS, which starts sooner and can be cached compiled
// (see loader.cjs).
void main({
  args: process.argv.slice(2),
  cwd: workingDirectory(),
  env: process.env,
  version: manifest.version,
}).then(exit);

/**
 * Where the shell stands. A directory that was deleted has only the name that the shell knows it
 * by.
 */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return process.env.PWD ?? '/';
  }
}

/**
 * Ends the process once all is said: a twentieth of a short run sooner than Node takes itself to
 * pieces.
 */
async function exit(exitCode: number): Promise<void> {
  for (const stream of OUTPUTS) {
    // Its reader may be slow.
    if (stream.writableLength > 0) await new Promise((resolve) => stream.once('error', resolve).write('', resolve));
  }
  process.exit(exitCode);
}
