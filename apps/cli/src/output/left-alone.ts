import type { LeftAlone, MovedRef, RestoreReport } from '@devs/snapshot';
import type { Hint } from '../base/errors.ts';
import { quoteArgv } from '../base/quote-argv.ts';
import { formatCount } from '../base/units.ts';
import { quotePath } from './escape.ts';

/** A task may delete thousands of branches; more lines than this do not help on a terminal. */
const SHOWN = 10;

/** Something that a restore did not bring back, in words, and what does. */
interface Line {
  readonly text: string;
  readonly wayBack: Hint | null;
}

/**
 * What a restore did not bring back: branches, tags, stash entries, configuration, work trees and
 * repositories that changed since, each with the command that brings it back; and what the safety
 * snapshot could not keep.
 */
export function describeLeftAlone({ moved, leftAlone, lacks }: RestoreReport): string[] {
  return [
    ...shortened(moved.map(ofRef), 'ref'),
    ...shortened(leftAlone.map(ofSurroundings), 'change'),
    ...shortened(
      lacks.map(({ what, why }) => ({ text: `not in the safety snapshot: ${quotePath(what)}: ${why}`, wayBack: null })),
      'file',
    ),
  ];
}

function shortened(lines: readonly Line[], what: string): string[] {
  const more = lines.length - SHOWN;
  const shown = lines.slice(0, SHOWN).flatMap(({ text, wayBack }) => {
    return wayBack === null ? [text] : [text, `  ${quoteArgv(wayBack)}`];
  });
  return more > 0 ? [...shown, `and ${formatCount(more, `more ${what}`)}; --json lists all`] : shown;
}

function ofRef(entry: MovedRef): Line {
  return { text: `left alone: ${entry.ref} ${movement(entry)}`, wayBack: refWayBack(entry) };
}

function movement({ before, now }: MovedRef): string {
  if (before === null) return 'is new';
  const was = before.slice(0, 10);
  return now === null ? `is gone, it was ${was}` : `was ${was}, is ${now.slice(0, 10)}`;
}

/** A new one is the user's to keep or delete. */
function refWayBack({ ref, before, now }: MovedRef): Hint | null {
  if (before === null) return null;
  if (ref.startsWith('stash@')) return ['git', 'stash', 'store', before];
  return ['git', 'update-ref', ref, before, ...(now === null ? [] : [now])];
}

const WORDS = {
  configuration: 'git config',
  'ignore rules': 'the ignore rules in',
  'work tree': 'the work tree',
  repository: 'the repository',
} as const;

function ofSurroundings({ kind, name, before, now, wayBack }: LeftAlone): Line {
  if (kind === 'set aside') return { text: `moved away: ${quotePath(name)}, which no snapshot can hold`, wayBack };
  const is = now === null ? 'is gone' : before === null ? 'is new' : 'changed';
  return { text: `left alone: ${WORDS[kind]} ${quotePath(name)} ${is}`, wayBack };
}
