import type { MovedRef } from '@devs/snapshot';
import type { Hint } from '../base/errors.ts';
import { quoteArgv } from '../base/quote-argv.ts';

/** A line for each branch, tag and stash entry that a restore left alone, and one for what brings it back. */
export function describeMoved(moved: readonly MovedRef[]): string[] {
  return moved.flatMap((entry) => {
    const line = `left alone: ${entry.ref} ${movement(entry)}`;
    const hint = wayBack(entry);
    return hint === null ? [line] : [line, `  ${quoteArgv(hint)}`];
  });
}

function movement({ before, now }: MovedRef): string {
  if (before === null) return 'is new';
  const was = before.slice(0, 10);
  return now === null ? `is gone, it was ${was}` : `was ${was}, is ${now.slice(0, 10)}`;
}

/** A new one is the user's to keep or delete. */
function wayBack({ ref, before, now }: MovedRef): Hint | null {
  if (before === null) return null;
  if (ref.startsWith('stash@')) return ['git', 'stash', 'store', before];
  return ['git', 'update-ref', ref, before, ...(now === null ? [] : [now])];
}
