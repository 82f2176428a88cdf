// How cost grows with the repository, and with the change.
import { AtomicSnapshot } from '@devs/snapshot';
import { median } from './measure.mjs';
import { lineChart } from './plot.mjs';
import { git, makeRepository } from './repository.mjs';
import { runDevs } from './rows.mjs';

const SIZES = [1_000, 10_000, 50_000, 100_000, 200_000];
const CHANGES = [1, 10, 100, 1_000, 10_000];
const ROUNDS = 5;

/** One kind of work a column: [name, what it does]. */
const COLUMNS = {
  'devs: take': async ({ dir }) => void (await AtomicSnapshot.take(dir, 'bench')),
  'git stash create': async ({ dir }) => void git(dir, 'stash', 'create'),
  'devs: restore': async ({ dir, ref }) => void (await AtomicSnapshot.restore(dir, ref, { keep: true })),
  'devs run -- true': async ({ dir }) => void runDevs(dir),
  'git stash push -u, pop': async ({ dir }) => {
    git(dir, 'stash', 'push', '-qu');
    git(dir, 'stash', 'pop', '-q');
  },
};

export async function growth() {
  const bySize = await sweep(SIZES, (files) => makeRepository(files));
  const byChange = await sweep(CHANGES, (modified) => makeRepository(50_000, { modified, untracked: 10 }));
  const titles = ['tracked files (100 changed, 10 untracked)', 'changed files (of 50 000)'];
  return {
    text: [tableOf(titles[0], SIZES, bySize), tableOf(titles[1], CHANGES, byChange)].join('\n\n'),
    json: { bySize, byChange },
    plots: {
      'growth-files.svg': lineChart(titles[0], SIZES, bySize),
      'growth-changes.svg': lineChart(titles[1], CHANGES, byChange),
    },
  };
}

/** Medians in milliseconds, by column, for each value. */
async function sweep(values, make) {
  const result = Object.fromEntries(Object.keys(COLUMNS).map((name) => [name, []]));
  for (const value of values) {
    const { dir, dirty } = make(value);
    const times = Object.fromEntries(Object.keys(COLUMNS).map((name) => [name, []]));
    for (let round = -1; round < ROUNDS; round++) {
      for (const [name, work] of Object.entries(COLUMNS)) {
        const ref = name === 'devs: restore' ? await AtomicSnapshot.take(dir, 'bench') : null;
        dirty(`${round} ${name}`);
        const started = performance.now();
        await work({ dir, ref });
        // The first round warms caches and is not counted.
        if (round >= 0) times[name].push(performance.now() - started);
        if (ref !== null) await AtomicSnapshot.drop(dir, ref);
      }
    }
    for (const name of Object.keys(COLUMNS)) result[name].push(median(times[name]));
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  return result;
}

function tableOf(title, values, columns) {
  const names = Object.keys(columns);
  const lines = values.map((value, i) => [value, ...names.map((name) => `${columns[name][i].toFixed(0)} ms`)]);
  return [[title, ...names], ['---', ...names.map(() => '---')], ...lines]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
