import fs from 'node:fs';
import type { Repo } from '@devs/test-kit';
import { AtomicSnapshot } from '../src/index.ts';

/** What of ours should not stay: temporary files, git's locks, and a pack without its index. */
export function leftovers(repo: Repo): string[] {
  const names = fs.readdirSync(repo.dir, { recursive: true, encoding: 'utf8' });
  const unfinished = names.filter((name) => name.endsWith('.pack') && !names.includes(name.replace(/pack$/, 'idx')));
  return [
    ...names.filter((name) => /tmp_(?:obj|pack|idx)_devs|\.devs-tmp-|\.tmp\.|\.lock$|\.keep$/.test(name)),
    ...unfinished,
  ];
}

/** As the next devs command long after: what nobody can still be using is gone then. */
export async function leftoversInTheEnd(repo: Repo): Promise<string[]> {
  for (const name of leftovers(repo)) fs.utimesSync(repo.path(name), 0, 0);
  await AtomicSnapshot.recover(repo.dir);
  return leftovers(repo);
}
