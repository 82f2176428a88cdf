// Generated repositories: the same files for the same arguments.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const PER_DIRECTORY = 10;

export function git(cwd, ...args) {
  const identity = {
    GIT_AUTHOR_NAME: 'b',
    GIT_AUTHOR_EMAIL: 'b@b',
    GIT_COMMITTER_NAME: 'b',
    GIT_COMMITTER_EMAIL: 'b@b',
  };
  const env = { PATH: process.env.PATH, HOME: os.tmpdir(), GIT_CONFIG_NOSYSTEM: '1', ...identity };
  return execFileSync('git', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** A committed repository of `files` files, of which `modified` are changed and `untracked` more are new. */
export function makeRepository(files, { modified = 100, untracked = 10 } = {}) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'devs-bench-'));
  process.once('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
  git(dir, 'init', '-q', '-b', 'main');
  git(dir, 'config', 'gc.auto', '0');
  for (let i = 0; i < files; i++) {
    const file = fileName(dir, i);
    if (i % PER_DIRECTORY === 0) fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, `export const value${i} = ${i};\n`.repeat(1 + (i % 40)));
  }
  git(dir, 'add', '-A');
  git(dir, 'commit', '-qm', 'generated');
  git(dir, 'gc', '-q');
  dirty(dir, files, modified, untracked);
  // A second on, so that the index's own time proves most entries clean, as in any repository that was not just made.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_100);
  git(dir, 'status');
  return dir;
}

/** Changes `modified` files spread over the tree, and makes `untracked` new ones. */
export function dirty(dir, files, modified, untracked, mark = '') {
  const step = Math.max(1, Math.floor(files / Math.max(1, modified)));
  for (let i = 0; i < modified; i++) fs.appendFileSync(fileName(dir, (i * step) % files), `// changed ${i} ${mark}\n`);
  for (let i = 0; i < untracked; i++)
    fs.writeFileSync(path.join(dir, `untracked${i}.txt`), `new ${i} ${mark}\n`.repeat(20));
}

function fileName(dir, i) {
  const group = Math.floor(i / PER_DIRECTORY);
  return path.join(dir, 'src', `area${group % 50}`, `part${group}`, `file${i}.ts`);
}
