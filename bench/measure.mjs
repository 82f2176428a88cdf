// Both sides in turn, so that noise hits them alike; medians, and the spread beside them.

export async function compare(name, { ours, peer, rounds = 7, before = () => {}, limit = null }) {
  const times = { ours: [], peer: [] };
  for (let round = -1; round < rounds; round++) {
    for (const [side, work] of Object.entries({ ours, peer })) {
      await before(round, side);
      const started = performance.now();
      await work(round);
      // The first round warms caches and is not counted.
      if (round >= 0) times[side].push(performance.now() - started);
    }
  }
  const [a, b] = [median(times.ours), median(times.peer)];
  return {
    name,
    ours: a,
    peer: b,
    ratio: a / b,
    limit,
    spread: { ours: spread(times.ours), peer: spread(times.peer) },
    rounds,
  };
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function spread(values) {
  return [Math.min(...values), Math.max(...values)];
}

export function table(rows) {
  const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
  const range = ([low, high]) => `${ms(low)}-${ms(high)}`;
  const cells = rows.map((row) => [
    row.name,
    `${ms(row.ours)} (${range(row.spread.ours)})`,
    `${ms(row.peer)} (${range(row.spread.peer)})`,
    row.ratio.toFixed(2),
    row.limit === null ? '' : `<= ${row.limit} ${row.ratio <= row.limit ? 'ok' : 'NOT REACHED'}`,
  ]);
  const all = [['what', 'devs, median (range)', 'peer, median (range)', 'ratio', 'must be'], ...cells];
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
