// `pnpm bench`: installs and builds as far as needed, then measures.
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { ensureBuilt, ensureInstalled, root } from './workspace.mjs';

ensureInstalled();
ensureBuilt();
const { status } = spawnSync(process.execPath, ['bench/main.mjs', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(status ?? 1);
