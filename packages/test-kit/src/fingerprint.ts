import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import type { Repo } from './repo.ts';

const OWN = /^\.devs(-state\.lock|\.db)/;
/** Git state that a snapshot covers. */
const GIT_FILES = ['HEAD', 'index', 'MERGE_HEAD', 'MERGE_MSG', 'CHERRY_PICK_HEAD', 'REVERT_HEAD'];

/**
 * Everything a restore promises to bring back, one line each: bytes, types, permissions, index,
 * HEAD and branches.
 */
export function fingerprint(repo: Repo): string[] {
  const lines: string[] = [];
  walk(repo.dir, '', lines);
  for (const name of GIT_FILES) {
    const file = path.join(repo.dir, '.git', name);
    if (fs.existsSync(file)) lines.push(`git ${name} ${digest(fs.readFileSync(file))}`);
  }
  const head = path.join(repo.dir, '.git/HEAD');
  if (!fs.existsSync(head)) return lines;
  const branch = fs.readFileSync(head, 'utf8').trim();
  const tip = branch.startsWith('ref: ') ? repo.git('for-each-ref', '--format=%(objectname)', branch.slice(5)) : branch;
  lines.push(`head ${branch} ${tip}`);
  return lines;
}

function walk(root: string, dir: string, lines: string[]): void {
  const names = fs.readdirSync(Buffer.from(path.join(root, dir), 'latin1'), { encoding: 'latin1' });
  for (const name of names.sort()) {
    if (dir === '' && (name === '.git' || OWN.test(name))) continue;
    const relative = path.join(dir, name);
    const file = Buffer.from(path.join(root, relative), 'latin1');
    const stat = fs.lstatSync(file);
    const mode = (stat.mode & 0o7777).toString(8);
    if (stat.isSymbolicLink()) lines.push(`link ${relative} ${fs.readlinkSync(file, { encoding: 'latin1' })}`);
    else if (stat.isDirectory()) {
      lines.push(`dir ${relative} ${mode}`);
      walk(root, relative, lines);
    } else if (!stat.isFile()) lines.push(`special ${relative} ${mode}`);
    else lines.push(`file ${relative} ${mode} ${digest(fs.readFileSync(file))}`);
  }
}

function digest(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex');
}

/** The user to run as where root's powers would hide a refusal. */
export const NOBODY = 65_534;

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}
