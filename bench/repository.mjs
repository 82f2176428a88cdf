// Generated repositories: the same files for the same arguments.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { environment } from './environment.mjs';

const PER_DIRECTORY = 10;

export function git(cwd, ...args) {
  return execFileSync('git', args, {
    cwd,
    env: environment,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  }).trim();
}

/** A committed repository of `files` files, of which `modified` are changed and `untracked` more are new. */
export function makeRepository(files, counts) {
  const dir = temporary();
  git(dir, 'init', '-q', '-b', 'main');
  git(dir, 'config', 'gc.auto', '0');
  for (let i = 0; i < files; i++) {
    const file = path.join(dir, fileName(i));
    if (i % PER_DIRECTORY === 0) fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, `export const value${i} = ${i};\n`.repeat(1 + (i % 40)));
  }
  git(dir, 'add', '-A');
  git(dir, 'commit', '-qm', 'generated');
  git(dir, 'gc', '-q');
  return settled(dir, (i) => fileName(i % files), files, counts);
}

/** A clone of a real repository, changed in the same way. The repository itself is only read. */
export function cloneRepository(source, counts) {
  const dir = temporary();
  git('.', 'clone', '-q', '--no-hardlinks', path.resolve(source), dir);
  git(dir, 'config', 'gc.auto', '0');
  const names = git(dir, 'ls-files', '-z').split('\0').filter(Boolean);
  const plain = names.filter((name) => fs.lstatSync(path.join(dir, name)).isFile());
  return settled(dir, (i) => plain[i % plain.length], plain.length, counts);
}

const made = [];
process.once('exit', () => {
  for (const dir of made) fs.rmSync(dir, { recursive: true, force: true });
});

function temporary() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'devs-bench-'));
  made.push(dir);
  return dir;
}

/** The repository with its first changes, and `dirty`, which makes the same number again. */
function settled(dir, nameOf, files, { modified = 100, untracked = 10 } = {}) {
  const step = Math.max(1, Math.floor(files / Math.max(1, modified)));
  const dirty = (mark) => {
    for (let i = 0; i < Math.min(modified, files); i++) {
      fs.appendFileSync(path.join(dir, nameOf(i * step)), `// changed ${i} ${mark}\n`);
    }
    for (let i = 0; i < untracked; i++) {
      fs.writeFileSync(path.join(dir, `untracked${i}.txt`), `new ${i} ${mark}\n`.repeat(20));
    }
  };
  dirty('at first');
  // A second on, so that the index's own time proves most entries clean, as in any repository that was not just made.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_100);
  git(dir, 'status');
  return { dir, files, dirty };
}

function fileName(i) {
  const group = Math.floor(i / PER_DIRECTORY);
  return path.join('src', `area${group % 50}`, `part${group}`, `file${i}.ts`);
}
