// `node bench/memory.mjs [--gib 2] [--take] [--json]`: peak memory of a process that snapshots and restores one huge untracked file, and of
// one that restores a small file beside a huge pack. Needs five times the file's size of disk, and minutes.
import { execFileSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { git } from './repository.mjs';

const { values: flags } = parseArgs({
  options: { gib: { type: 'string', default: '2' }, take: { type: 'boolean' }, json: { type: 'boolean' } },
});
const MIB = 1 << 20;
const size = Number(flags.gib) * 1024 * MIB;

/** Runs one call in a process of its own; returns what it returned, and by how much its memory grew at most. */
function measure(code, ...args) {
  const script = `import { AtomicSnapshot } from '@devs/snapshot';
    const [, dir, ref] = process.argv;
    const rest = process.memoryUsage().rss;
    const started = performance.now();
    const result = await (${code});
    const grown = process.resourceUsage().maxRSS * 1024 - rest;
    console.log(JSON.stringify({ result, mib: Math.round(grown / ${MIB}), seconds: (performance.now() - started) / 1000 }));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script, ...args], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  return JSON.parse(output);
}

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'devs-bench-memory-'));
process.once('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
git(dir, 'init', '-q');
fs.writeFileSync(path.join(dir, 'small.txt'), 'small');
git(dir, 'add', '-A');
git(dir, 'commit', '-qm', 'first');
const huge = path.join(dir, 'huge.bin');
// Bytes that do not compress, and more than two to the 31 of them.
const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16));
const fd = fs.openSync(huge, 'w');
for (let at = 0; at < size; at += 16 * MIB) fs.writeSync(fd, noise.update(Buffer.alloc(16 * MIB)));
fs.writeSync(fd, noise.update(Buffer.alloc(5)));
fs.closeSync(fd);

const report = (what, { mib, seconds }, limit) => {
  const text = `${what}: + ${mib} MiB (must be <= ${limit}), ${seconds.toFixed(1)} s`;
  console.log(flags.json ? JSON.stringify({ what, mib, limit, seconds }) : text);
};
const name = `${flags.gib} GiB`;
const TAKE = "AtomicSnapshot.take(dir, 'bench')";
const RESTORE = 'AtomicSnapshot.restore(dir, ref, { keep: true }).then(({ written }) => written)';
const first = measure(TAKE, dir);
report(`take of an untracked file of ${name}`, first, 100);
// The row that `pnpm bench` shows.
if (flags.take) process.exit();
report('a second take, nothing changed since', measure(TAKE, dir), 100);
fs.rmSync(huge);
report('restore of that file', measure(RESTORE, dir, first.result), 100);
git(dir, '-c', 'core.compression=0', 'add', '-A');
git(dir, 'commit', '-qm', 'huge');
git(dir, '-c', 'core.compression=0', '-c', 'pack.window=0', 'repack', '-adq');
const { result: ref } = measure(TAKE, dir);
fs.writeFileSync(path.join(dir, 'small.txt'), 'changed');
report(`restore of a small file beside a pack of ${name}`, measure(RESTORE, dir, ref), 200);
