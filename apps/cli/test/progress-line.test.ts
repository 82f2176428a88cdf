import { expect, test } from 'vitest';
import { ProgressLine } from '../src/output/progress-line.ts';

function terminal(isTTY: boolean) {
  const written: string[] = [];
  const stream = { isTTY, write: (text: string) => written.push(text) > 0 };
  return { written, line: new ProgressLine(stream as unknown as NodeJS.WriteStream) };
}

test('says nothing for half a second, then what is done and how far, ten times a second, and is cleared away', () => {
  const { written, line } = terminal(true);
  for (let now = 0; now <= 900; now += 10) line.update({ phase: 'scan', done: now, total: 1000 }, now);
  expect(written).toEqual(
    [500, 600, 700, 800, 900].map((done) => `\r\x1b[Kdevs: looking at tracked files: ${done} of 1000`),
  );
  line.clear();
  line.clear();
  expect(written.slice(5)).toEqual(['\r\x1b[K']);
  line.update({ phase: 'apply', done: 1, total: 2 }, 2_000);
  expect(written).toHaveLength(6);
});

test('says nothing where nobody looks', () => {
  const { written, line } = terminal(false);
  for (const now of [0, 1_000, 2_000]) line.update({ phase: 'scan', done: 1, total: 2 }, now);
  line.clear();
  expect(written).toEqual([]);
});
