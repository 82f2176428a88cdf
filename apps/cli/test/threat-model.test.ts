// docs/threat-model.md names a test for each of its rows, and a fuzz target for each parser. Both exist.
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '../../..');
const text = fs.readFileSync(path.join(root, 'docs/threat-model.md'), 'utf8');
const PACKAGES = ['packages/lock', 'packages/snapshot', 'packages/db', 'apps/cli'];

/** The cells of the tables whose head ends in this column. */
function rowsOf(lastColumn: string): string[][] {
  const rows: string[][] = [];
  let isInside = false;
  for (const line of text.split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim());
    if (!line.startsWith('|')) isInside = false;
    else if (cells.at(-2) === lastColumn) isInside = true;
    else if (isInside && !line.startsWith('|---')) rows.push(cells.slice(1, -1));
  }
  return rows;
}

const quoted = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word!);

describe('each adversary', () => {
  const rows = rowsOf('shown by');

  test.each(rows.map(([what, tests]) => [what!, quoted(tests!)] as const))('must not be able to %s', (_, tests) => {
    let dir = '';
    for (const name of tests) {
      // A name without a directory is beside the one before it.
      if (name.includes('/')) dir = path.dirname(name);
      const file = name.includes('/') ? name : path.join(dir, name);
      expect([file, PACKAGES.some((of) => fs.existsSync(path.join(root, path.dirname(of), file)))]).toEqual([
        file,
        true,
      ]);
    }
    expect(tests.length).toBeGreaterThan(0);
  });

  test('all four have rows', () => {
    const sections = text.split(/^## \d\. /m).slice(1);
    expect(sections.map((section) => /^\| \w.*\.test\.ts` \|$/m.test(section))).toEqual([true, true, true, true]);
  });
});

test('the table of bounds names every fuzz target, and no other', () => {
  const named = rowsOf('fuzz target').flatMap(([, , targets]) =>
    quoted(targets!).filter((word) => !word.includes(' ')),
  );
  const written = PACKAGES.flatMap((of) => {
    const dir = path.join(root, of, 'test/fuzz');
    const files = fs.readdirSync(dir).filter((name) => name.endsWith('.test.ts') && name !== 'rig.test.ts');
    const calls = /(?:name: |packTarget\(|fileTarget\(\s*)'([a-z-]+)'/g;
    return files.flatMap((name) =>
      [...fs.readFileSync(path.join(dir, name), 'utf8').matchAll(calls)].map(([, found]) => found!),
    );
  });
  expect(named.sort()).toEqual(written.sort());
});
