// `pnpm bench [--json] [--files 10000] [--repo <path>] [--only <words>]`: devs against its peers, both in turn, on
// generated repositories or on a clone of the one at <path>.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { StateLock } from '@devs/lock';
import { AtomicSnapshot } from '@devs/snapshot';
import lockfile from 'proper-lockfile';
import { isomorphicStash } from './isomorphic.mjs';
import { compare, table } from './measure.mjs';
import { cloneRepository, git, makeRepository } from './repository.mjs';
import { staleRace } from './stale-race.mjs';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean' },
    files: { type: 'string', default: '10000' },
    only: { type: 'string', default: '' },
    repo: { type: 'string' },
  },
});
const clone = flags.repo === undefined ? null : cloneRepository(flags.repo);
const files = clone === null ? Number(flags.files) : clone.files;
const newRepository = (count) => clone ?? makeRepository(count);
const BIN = path.join(import.meta.dirname, '../apps/cli/dist/bin/devs.cjs');
const runDevs = (cwd) => execFileSync(process.execPath, [BIN, 'run', '--', 'true'], { cwd, stdio: 'ignore' });

const rows = {
  [`devs run -- true, ${files} files | git stash push -u && true && git stash pop`]: async (name) => {
    const { dir } = newRepository(files);
    const peer = () => {
      git(dir, 'stash', 'push', '-qu');
      spawnSync('true');
      git(dir, 'stash', 'pop', '-q');
    };
    return compare(name, { ours: () => runDevs(dir), peer, limit: files >= 50_000 ? 0.8 : 1 });
  },
  'devs run -- true, 1000 files | node -e 0': async (name) => {
    const { dir } = makeRepository(1_000);
    return compare(name, {
      ours: () => runDevs(dir),
      peer: () => execFileSync(process.execPath, ['-e', '0']),
      rounds: 15,
      limit: 4,
    });
  },
  [`take, ${files} files | git stash create`]: async (name) => {
    const { dir, dirty } = newRepository(files);
    const before = (round, side) => dirty(`${round} ${side}`);
    return compare(name, {
      ours: () => AtomicSnapshot.take(dir, 'bench'),
      peer: () => git(dir, 'stash', 'create'),
      before,
      limit: 1,
    });
  },
  [`take, ${files} files | temporary index, add -A, write-tree, commit-tree, update-ref`]: async (name) => {
    const { dir, dirty } = newRepository(files);
    const before = (round, side) => dirty(`${round} ${side}`);
    return compare(name, {
      ours: () => AtomicSnapshot.take(dir, 'bench'),
      peer: () => byTemporaryIndex(dir),
      before,
      limit: 1,
    });
  },
  [`restore after 100 files changed, ${files} files | git stash push -u, git stash pop`]: async (name) => {
    const { dir, dirty } = newRepository(files);
    let ref;
    const before = async (round, side) => {
      if (side === 'ours') ref = await AtomicSnapshot.take(dir, 'bench');
      dirty(`${round} ${side}`);
    };
    const peer = () => {
      git(dir, 'stash', 'push', '-qu');
      git(dir, 'stash', 'pop', '-q');
    };
    return compare(name, { ours: () => AtomicSnapshot.restore(dir, ref), peer, before, limit: 0.8 });
  },
  [`a second take, nothing changed since, ${files} files | the first one after a change`]: async (name) => {
    const { dir, dirty } = newRepository(files);
    let round = 0;
    const first = () => {
      dirty(`second take ${round++}`);
      return AtomicSnapshot.take(dir, 'bench');
    };
    return compare(name, { ours: () => AtomicSnapshot.take(dir, 'bench'), peer: first });
  },
  [`take and restore, ${files} files | isomorphic-git's stash push and pop`]: async (name) => {
    const { dir, dirty } = newRepository(files);
    const before = (round, side) => dirty(`${round} ${side}`);
    const ours = async () => AtomicSnapshot.restore(dir, await AtomicSnapshot.take(dir, 'bench'));
    return compare(name, { ours, peer: () => isomorphicStash(dir), before, rounds: 5 });
  },
  'lock acquire + release, 200 times | proper-lockfile': async (name) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'devs-bench-lock-'));
    const repeat = async (work) => {
      for (let i = 0; i < 200; i++) await work();
    };
    const ours = () => repeat(async () => (await StateLock.acquire(dir, 'bench')).release());
    const peer = () => repeat(async () => (await lockfile.lock(dir))());
    const row = await compare(name, { ours, peer, limit: 0.5 });
    fs.rmSync(dir, { recursive: true });
    return row;
  },
};

/** What many tools do: leaves the real index alone, and knows untracked files. */
function byTemporaryIndex(dir) {
  const script = `export GIT_INDEX_FILE=.git/bench-index; cp .git/index $GIT_INDEX_FILE; git add -A;
    git update-ref refs/bench/x $(git commit-tree -p HEAD -m x $(git write-tree)); rm $GIT_INDEX_FILE`;
  execFileSync('sh', ['-c', script], {
    cwd: dir,
    env: {
      ...process.env,
      GIT_AUTHOR_NAME: 'b',
      GIT_AUTHOR_EMAIL: 'b@b',
      GIT_COMMITTER_NAME: 'b',
      GIT_COMMITTER_EMAIL: 'b@b',
    },
  });
}

const results = [];
for (const [name, run] of Object.entries(rows)) {
  if (!name.includes(flags.only)) continue;
  results.push(await run(name));
  process.stderr.write('.');
}
const races = [];
const RACE = 'eight processes meet one stale lock';
if (RACE.includes(flags.only)) {
  for (const library of ['devs', 'proper-lockfile']) races.push(await staleRace(library, 300));
}
process.stderr.write('\n');
const machine = {
  node: process.version,
  git: git('.', '--version'),
  cpus: os.cpus().length,
  platform: process.platform,
};
if (flags.json) console.log(JSON.stringify({ machine, results, races }, null, 2));
else {
  if (results.length > 0) console.log(`${table(results)}\n`);
  for (const { library, rounds, twoHolders, noHolder } of races) {
    console.log(`${RACE}, ${library}: of ${rounds} rounds ${twoHolders} with two holders, ${noHolder} with none`);
  }
  console.log(`${machine.git}, Node ${machine.node}, ${machine.cpus} cores`);
}
