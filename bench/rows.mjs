// What is measured: each row times devs and a peer in turn. `repository(counts)` makes what they work on.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { StateLock } from '@devs/lock';
import { AtomicSnapshot } from '@devs/snapshot';
import lockfile from 'proper-lockfile';
import { environment as env } from './environment.mjs';
import { isomorphicStash } from './isomorphic.mjs';
import { compare } from './measure.mjs';
import { git } from './repository.mjs';

const BIN = path.join(import.meta.dirname, '../apps/cli/dist/bin/devs.cjs');
export const runDevs = (cwd) =>
  execFileSync(process.execPath, [BIN, 'run', '--', 'true'], { cwd, env, stdio: 'ignore' });
const pushAndPop = (dir) => {
  git(dir, 'stash', 'push', '-qu');
  git(dir, 'stash', 'pop', '-q');
};

export const runAgainstStash = (repository, options) => async (name) => {
  const { dir } = repository();
  const peer = () => {
    git(dir, 'stash', 'push', '-qu');
    spawnSync('true');
    git(dir, 'stash', 'pop', '-q');
  };
  return compare(name, { ours: () => runDevs(dir), peer, ...options });
};

export const runAgainstNode = (repository, options) => async (name) => {
  const { dir } = repository();
  const peer = () => execFileSync(process.execPath, ['-e', '0'], { env });
  return compare(name, { ours: () => runDevs(dir), peer, rounds: 15, ...options });
};

/** lint-staged guards what it runs by a stash entry; of staged files only. */
export const runAgainstLintStaged = (repository, options) => async (name) => {
  const { dir } = repository();
  git(dir, 'add', '-u');
  const bin = createRequire(import.meta.url).resolve('lint-staged/bin');
  const config = path.join(os.tmpdir(), `devs-bench-${process.pid}.json`);
  fs.writeFileSync(config, '{"*": "true"}');
  const peer = () =>
    execFileSync(process.execPath, [bin, '--quiet', '--config', config], { cwd: dir, env, stdio: 'ignore' });
  const row = await compare(name, { ours: () => runDevs(dir), peer, ...options });
  fs.rmSync(config);
  return row;
};

const takeAgainst = (peerOf) => (repository, options) => async (name) => {
  const { dir, dirty } = repository();
  const before = (round, side) => dirty(`${round} ${side}`);
  const ours = () => AtomicSnapshot.take(dir, 'bench');
  return compare(name, { ours, peer: () => peerOf(dir), before, ...options });
};

export const takeAgainstStashCreate = takeAgainst((dir) => git(dir, 'stash', 'create'));

/** What many tools do: leaves the real index alone, and knows untracked files. */
export const takeAgainstTemporaryIndex = takeAgainst((dir) => {
  const script = `export GIT_INDEX_FILE=.git/bench-index; cp .git/index $GIT_INDEX_FILE; git add -A;
    git update-ref refs/bench/x $(git commit-tree -p HEAD -m x $(git write-tree)); rm $GIT_INDEX_FILE`;
  execFileSync('sh', ['-c', script], { cwd: dir, env });
});

export const restoreAgainstStash = (repository, options) => async (name) => {
  const { dir, dirty } = repository();
  let ref;
  const before = async (round, side) => {
    if (side === 'ours') ref = await AtomicSnapshot.take(dir, 'bench');
    dirty(`${round} ${side}`);
  };
  const ours = () => AtomicSnapshot.restore(dir, ref);
  return compare(name, { ours, peer: () => pushAndPop(dir), before, ...options });
};

export const secondTake = (repository, options) => async (name) => {
  const { dir, dirty } = repository();
  let round = 0;
  const first = () => {
    dirty(`second take ${round++}`);
    return AtomicSnapshot.take(dir, 'bench');
  };
  return compare(name, { ours: () => AtomicSnapshot.take(dir, 'bench'), peer: first, ...options });
};

export const takeAndRestoreAgainstIsomorphic = (repository, options) => async (name) => {
  const { dir, dirty } = repository();
  const before = (round, side) => dirty(`${round} ${side}`);
  const ours = async () => AtomicSnapshot.restore(dir, await AtomicSnapshot.take(dir, 'bench'));
  return compare(name, { ours, peer: () => isomorphicStash(dir), before, rounds: 5, ...options });
};

export const lockAgainstProperLockfile = (options) => async (name) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'devs-bench-lock-'));
  const repeat = async (work) => {
    for (let i = 0; i < 200; i++) await work();
  };
  const ours = () => repeat(async () => (await StateLock.acquire(dir, 'bench')).release());
  const peer = () => repeat(async () => (await lockfile.lock(dir))());
  const row = await compare(name, { ours, peer, ...options });
  fs.rmSync(dir, { recursive: true });
  return row;
};
