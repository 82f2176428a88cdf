// `pnpm test:nodes [20 22 24 26]`: the whole test command on other versions of Node, each in a copy of this work tree. Takes
// minutes: SQLite is compiled for each.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';

const root = path.resolve(import.meta.dirname, '..');
const PNPM = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')).packageManager;
const versions = process.argv.length > 2 ? process.argv.slice(2) : ['20', '22', '24', '26'];
const failed = versions.filter((version) => !passes(version));
if (failed.length > 0) {
  console.error(`failed on Node ${failed.join(', ')}`);
  process.exitCode = 1;
}

function passes(version) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), `devs-node-${version}-`));
  // Some tests start this node as another user.
  fs.chmodSync(dir, 0o755);
  try {
    const node = installNode(version, path.join(dir, 'node'));
    const copy = copyWorkTree(path.join(dir, 'work'));
    const env = {
      ...process.env,
      PATH: `${path.join(node, 'bin')}${path.delimiter}${process.env.PATH}`,
      npm_package_json: undefined,
      npm_execpath: undefined,
    };
    console.log(`Node ${execFileSync('node', ['--version'], { env, encoding: 'utf8' }).trim()}`);
    return spawnSync('npx', ['-y', PNPM, 'test'], { cwd: copy, env, stdio: 'inherit' }).status === 0;
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

function installNode(version, dir) {
  fs.mkdirSync(dir);
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', dir, `${name}@${version}`];
  execFileSync('npm', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  return path.join(dir, 'node_modules', name);
}

/** What git tracks, and what is new and not ignored, as it is now. */
function copyWorkTree(dir) {
  const names = execFileSync('git', ['ls-files', '-zco', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
  for (const name of names.split('\0').filter(Boolean)) {
    if (fs.existsSync(path.join(root, name))) fs.cpSync(path.join(root, name), path.join(dir, name));
  }
  execFileSync('git', ['init', '-q'], { cwd: dir });
  return dir;
}
