// `pnpm devs ...`: installs and builds as far as needed, in silence, then is the command line itself.
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureInstalled, root } from './workspace.mjs';

ensureInstalled();
ensureBuilt();
process.env.DEVS_PROGRAM ??= 'pnpm devs';
await import(pathToFileURL(path.join(root, 'apps/cli/dist/bin/bin.js')).href);
