// `pnpm bench [--json] [--svg <folder>] [--files <count>] [--repo <path>] [--only <words>] [--growth]`: devs against its
// peers, both in turn, on generated repositories, or on a clone of the one at <path>.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { growth } from './growth.mjs';
import { table } from './measure.mjs';
import { barChart } from './plot.mjs';
import { cloneRepository, git, makeRepository } from './repository.mjs';
import * as rows from './rows.mjs';
import { staleRace } from './stale-race.mjs';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean' },
    svg: { type: 'string' },
    files: { type: 'string' },
    only: { type: 'string', default: '' },
    repo: { type: 'string' },
    growth: { type: 'boolean' },
  },
});
const machine = {
  node: process.version,
  git: git('.', '--version'),
  cpus: os.cpus().length,
  platform: process.platform,
};
const save = (name, text) => fs.writeFileSync(path.join(flags.svg, name), text);

const MEMORY = 'peak memory';
if (flags.growth) {
  const { text, json, plots } = await growth();
  console.log(flags.json ? JSON.stringify({ machine, ...json }, null, 2) : text);
  if (flags.svg !== undefined) for (const [name, svg] of Object.entries(plots)) save(name, svg);
} else await compareAll();
if (!flags.json) console.log(`${machine.git}, Node ${machine.node}, ${machine.cpus} cores`);

/** In a process of its own, whose peak is its own. */
function peakMemory() {
  const script = path.join(import.meta.dirname, 'memory.mjs');
  return JSON.parse(execFileSync(process.execPath, [script, '--take', '--json'], { encoding: 'utf8' }));
}

async function compareAll() {
  const results = [];
  for (const [name, measure] of Object.entries(plan())) {
    if (!name.includes(flags.only)) continue;
    results.push(await measure(name));
    process.stderr.write('.');
  }
  const races = [];
  const RACE = 'eight processes meet one stale lock';
  if (RACE.includes(flags.only)) {
    for (const library of ['devs', 'proper-lockfile']) races.push(await staleRace(library, 300));
  }
  const memory = MEMORY.includes(flags.only) ? peakMemory() : null;
  process.stderr.write('\n');
  if (flags.json) console.log(JSON.stringify({ machine, results, races, memory }, null, 2));
  else if (results.length > 0) console.log(`${table(results)}\n`);
  if (!flags.json) {
    for (const { library, rounds, twoHolders, noHolder } of races) {
      console.log(`${RACE}, ${library}: of ${rounds} rounds ${twoHolders} with two holders, ${noHolder} with none`);
    }
  }
  if (!flags.json && memory !== null) {
    console.log(
      `${MEMORY}, ${memory.what}: + ${memory.mib} MiB (must be <= ${memory.limit}), ${memory.seconds.toFixed(1)} s`,
    );
  }
  if (flags.svg !== undefined) save('performance.svg', barChart(results));
}

/** Section by section: what, against what. The sizes are the ones that promises are made for. */
function plan() {
  const clone = flags.repo === undefined ? null : cloneRepository(flags.repo);
  const of = (files) => {
    const count = clone?.files ?? Number(flags.files ?? files);
    return {
      label: `${count.toLocaleString('en').replace(',', ' ')} files`,
      repository: () => clone ?? makeRepository(count),
    };
  };
  const small = { label: '1 000 files', repository: () => makeRepository(1_000) };
  const [middle, large, few] = [of(10_000), of(50_000), flags.files || clone ? of() : of(2_000)];
  return {
    [`devs run -- true, ${large.label} | git stash push -u && true && git stash pop`]: rows.runAgainstStash(
      large.repository,
      { limit: 0.8 },
    ),
    [`devs run -- true, ${middle.label} | git stash push -u && true && git stash pop `]: rows.runAgainstStash(
      middle.repository,
      { limit: 1 },
    ),
    [`devs run -- true, ${small.label} | node -e 0`]: rows.runAgainstNode(small.repository, { limit: 4 }),
    [`devs run -- true, ${few.label} | lint-staged running true`]: rows.runAgainstLintStaged(few.repository),
    [`take, ${large.label} | git stash create`]: rows.takeAgainstStashCreate(large.repository, {
      rounds: 15,
      limit: 1,
    }),
    [`take, ${large.label} | temporary index, add -A, write-tree, commit-tree, update-ref`]:
      rows.takeAgainstTemporaryIndex(large.repository, { rounds: 15, limit: 1 }),
    [`restore after 100 files changed, ${large.label} | git stash push -u, git stash pop`]: rows.restoreAgainstStash(
      large.repository,
      { limit: 0.8 },
    ),
    [`a second take, nothing changed since, ${large.label} | the first one after a change`]: rows.secondTake(
      large.repository,
    ),
    [`take and restore, ${few.label} | isomorphic-git's stash push and pop`]: rows.takeAndRestoreAgainstIsomorphic(
      few.repository,
    ),
    'lock acquire + release, 200 times | proper-lockfile': rows.lockAgainstProperLockfile({ limit: 0.5 }),
  };
}
