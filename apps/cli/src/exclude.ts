import fs from 'node:fs';
import path from 'node:path';
import type { Repository } from '@devs/snapshot';

/** Narrow on purpose: `.devs*` would also hide a file of the user's, `.devspace.yaml` say, from git and from devs. */
const LINES = ['/.devs.db*', '/.devs-state.lock*'];

/** Hides devs's own files from git, once, in `info/exclude`: never in the user's `.gitignore`. */
export function excludeOwnFiles(repo: Repository): void {
  const file = path.join(repo.commonDir, 'info', 'exclude');
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  const present = new Set(text.split(/\r?\n/));
  const missing = LINES.filter((line) => !present.has(line));
  if (missing.length === 0) return;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const separator = text === '' || text.endsWith('\n') ? '' : '\n';
  fs.appendFileSync(file, `${separator}# added by devs\n${missing.join('\n')}\n`);
}
