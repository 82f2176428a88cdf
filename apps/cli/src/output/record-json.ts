import type { Run, RunEvent } from '@devs/db';

// What `--json` prints of a run or an event has the names that the database's columns have.
// Programs read them, so they stay as they are whatever the code calls them.

export function runJson(run: Run): Record<string, unknown> {
  return snakeCased(run);
}

export function eventJson({ data, ...event }: RunEvent): Record<string, unknown> {
  return { ...snakeCased(event), data: snakeCased(data) };
}

function snakeCased(record: object): Record<string, unknown> {
  const renamed = ([name, value]: [string, unknown]): [string, unknown] => [
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value,
  ];
  return Object.fromEntries(Object.entries(record).map(renamed));
}
