// A real run in a repository made by hand (the build needs no git), so that the code cache holds what a run needs: one with
// commits, an index, packs, and files that changed since.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const FILES = Array.from({ length: 40 }, (_, i) => `src/d${Math.floor(i / 10)}/file${i % 10}.ts`);

/** @param bin the command line, whose code cache is written. */
export function warmUp(bin) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'devs-build-'));
  const devs = (args, env = {}) =>
    execFileSync(process.execPath, [bin, '-q', ...args], {
      cwd: dir,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  const command = ['--', process.execPath, '-e', '0'];
  const write = (name, text) => {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), text);
  };
  try {
    for (const name of ['objects', 'refs/heads']) fs.mkdirSync(path.join(dir, '.git', name), { recursive: true });
    write('.git/HEAD', 'ref: refs/heads/main\n');
    write('.git/config', '[core]\n\trepositoryformatversion = 0\n');
    for (const name of FILES) write(name, `export const path = '${name}';\n`.repeat(30));
    devs(['run', '--on-success', 'keep', ...command]);
    const snapshots = path.join(dir, '.git/refs/devs/snapshots');
    write('.git/refs/heads/main', fs.readFileSync(path.join(snapshots, fs.readdirSync(snapshots)[0])));
    // With a kept snapshot a run would read commits, which most need not.
    devs(['drop', '@']);
    fs.writeFileSync(path.join(dir, '.git/index'), encodeIndex(dir));
    for (const name of FILES.slice(0, 10)) write(name, 'export {};\n');
    write('new.txt', 'new\n');
    devs(['run', ...command], { DEVS_BUILD_CODE_CACHE: '1' });
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

/** Version 2, without extensions: git's Documentation/gitformat-index.txt. */
function encodeIndex(dir) {
  const head = Buffer.from('DIRC\0\0\0\x02\0\0\0\0', 'latin1');
  head.writeUInt32BE(FILES.length, 8);
  const entries = FILES.map((name) => {
    const stat = fs.lstatSync(path.join(dir, name), { bigint: true });
    const bytes = fs.readFileSync(path.join(dir, name));
    const entry = Buffer.alloc((62 + name.length + 8) & ~7);
    const times = [stat.ctimeNs, stat.mtimeNs].flatMap((ns) => [ns / 1_000_000_000n, ns % 1_000_000_000n]);
    const numbers = [...times, stat.dev, stat.ino, 0o100644n, stat.uid, stat.gid, stat.size];
    for (const [i, number] of numbers.entries()) entry.writeUInt32BE(Number(number % 0x1_0000_0000n), i * 4);
    createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest().copy(entry, 40);
    entry.writeUInt16BE(name.length, 60);
    entry.write(name, 62);
    return entry;
  });
  const body = Buffer.concat([head, ...entries]);
  return Buffer.concat([body, createHash('sha1').update(body).digest()]);
}
