// `pnpm devs ...`: installs and builds as far as needed, in silence, then is the command line itself.
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';

import { ensureBuilt, ensureInstalled, root } from './workspace.mjs';

ensureInstalled();
ensureBuilt();
process.env.DEVS_PROGRAM ??= 'pnpm devs';
createRequire(import.meta.url)(path.join(root, 'apps/cli/dist/bin/devs.cjs'));
