import process from 'node:process';
import type { DiffEntry } from '@devs/snapshot';
import { formatCount } from '../base/units.ts';
import { quotePath } from './escape.ts';

/** Longer bars would say no more. */
const MAX_WIDTH = 100;

/** Changes as `git diff --stat` shows them, for entries that were compared with `lines`. */
export function stat(entries: readonly DiffEntry[]): string[] {
  const width = Math.min(process.stdout.columns ?? 80, MAX_WIDTH);
  const paths = entries.map(({ path }) => quotePath(path));
  const names = Math.min(Math.max(...paths.map((path) => path.length)), Math.floor(width / 2));
  const counts = entries.map(({ added, deleted }) => (added == null || deleted == null ? null : added + deleted));
  const most = Math.max(...counts.map((count) => count ?? 0), 1);
  const digits = Math.max(String(most).length, counts.includes(null) ? 3 : 1);
  const room = Math.max(5, width - names - digits - 5);
  const scale = Math.min(1, room / most);
  const bar = (mark: string, count: number) => mark.repeat(count === 0 ? 0 : Math.max(1, Math.round(count * scale)));
  const lines = entries.map(({ added, deleted }, i) => {
    const path = paths[i]!;
    const name = path.length > names ? `…${path.slice(path.length - names + 1)}` : path.padEnd(names);
    const count = counts[i];
    if (count == null) return ` ${name} | ${'Bin'.padStart(digits)}`;
    return ` ${name} | ${String(count).padStart(digits)} ${bar('+', added!)}${bar('-', deleted!)}`.trimEnd();
  });
  return [...lines, summary(entries)];
}

function summary(entries: readonly DiffEntry[]): string {
  const sum = (key: 'added' | 'deleted') => entries.reduce((total, entry) => total + (entry[key] ?? 0), 0);
  const files = `${formatCount(entries.length, 'file')} changed`;
  return ` ${files}, ${sum('added')} added, ${sum('deleted')} deleted`;
}
