import fs from 'node:fs';
import path from 'node:path';
import type { Repository } from '@devs/snapshot';

/** Narrow on purpose: `.devs*` would also hide a file of the user's, `.devspace.yaml` say, from git and from devs. */
const LINES = ['/.devs.db*', '/.devs-state.lock*'];

/** Lines that `excludeOwnFiles` would add. */
export function missingExcludes(repo: Repository): string[] {
  const present = new Set(read(repo).split(/\r?\n/));
  return LINES.filter((line) => !present.has(line));
}

/** Hides devs's own files from git, once, in `info/exclude`: never in the user's `.gitignore`. */
export function excludeOwnFiles(repo: Repository): void {
  const missing = missingExcludes(repo);
  if (missing.length === 0) return;
  const text = read(repo);
  const separator = text === '' || text.endsWith('\n') ? '' : '\n';
  fs.mkdirSync(path.dirname(fileOf(repo)), { recursive: true });
  fs.appendFileSync(fileOf(repo), `${separator}# added by devs\n${missing.join('\n')}\n`);
}

function read(repo: Repository): string {
  return fs.existsSync(fileOf(repo)) ? fs.readFileSync(fileOf(repo), 'utf8') : '';
}

function fileOf(repo: Repository): string {
  return path.join(repo.commonDir, 'info', 'exclude');
}
