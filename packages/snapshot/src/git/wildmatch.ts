import { parseWildcards, type Token } from './wildmatch-pattern.ts';

/** Whether a text matches a pattern that was compiled. Both are bytes, one a character. */
export type Matcher = (text: string) => boolean;

/**
 * Git's wildmatch with `WM_PATHNAME` (wildmatch.c): `*`, `?` and classes do not match a slash, and
 * `**` between slashes matches any number of directories. Null where nothing can ever match, as
 * with a class that never ends.
 *
 * Git goes back and tries again at each star, which takes time without end for `*a*a*a*b`; so do
 * regular expressions. Here all ways to match are followed at once, so a text costs at most its
 * length times that of the pattern.
 */
export function wildmatch(pattern: string, ignoreCase: boolean): Matcher | null {
  const tokens = parseWildcards(pattern, ignoreCase);
  if (tokens === null) return null;
  const minLength = tokens.filter(({ kind }) => kind === 'one').length - optional(tokens);
  const head = tokens.slice(0, tokens.findIndex(isWide) >>> 0);
  const lastWide = tokens.findLastIndex(isWide);
  // The slash behind `**` may be left out together with it.
  const tail = tokens.slice(lastWide + (tokens[lastWide - 1]?.kind === 'maybe' ? 2 : 1));
  const { length } = tokens;
  let run: Matcher | null = null;
  return (text) => {
    if (text.length < minLength || !matchesAt(head, text, 0)) return false;
    if (head.length === length) return text.length === length;
    if (!matchesAt(tail, text, text.length - tail.length)) return false;
    run ??= simulate(tokens);
    return run(text);
  };
}

function isWide({ kind }: Token): boolean {
  return kind !== 'one';
}

/** The slashes that `**` and a slash may do without. */
function optional(tokens: readonly Token[]): number {
  return tokens.filter(({ kind }) => kind === 'maybe').length;
}

/** Whether `tokens`, each of which takes one character, match from `start` on. */
function matchesAt(tokens: readonly Token[], text: string, start: number): boolean {
  for (let i = 0; i < tokens.length; i++) if (tokens[i]!.accepts[text.charCodeAt(start + i)] !== 1) return false;
  return true;
}

/**
 * The tokens as a machine that is in several states at once; a state is how many tokens were
 * passed. `maybe` may be skipped together with the two tokens that follow it, and the wide ones
 * take any number of characters.
 */
function simulate(tokens: readonly Token[]): Matcher {
  const end = tokens.length;
  const seen = new Int32Array(end + 1);
  let [now, next] = [new Int32Array(end + 1), new Int32Array(end + 1)];
  let stamp = 0;
  let count = 0;
  /** Enters a state, and those that follow it without a character. */
  const enter = (states: Int32Array, first: number) => {
    for (let state = first; seen[state] !== stamp; state++) {
      seen[state] = stamp;
      states[count++] = state;
      if (state === end || tokens[state]!.kind === 'one') return;
      if (tokens[state]!.kind === 'maybe') enter(states, state + 3);
    }
  };
  return (text) => {
    // Its marks would be taken for those of this text after four thousand million characters.
    if (stamp > 0x7fff_0000 - text.length) {
      seen.fill(0);
      stamp = 0;
    }
    stamp++;
    count = 0;
    enter(now, 0);
    for (let i = 0; i < text.length && count > 0; i++) {
      const char = text.charCodeAt(i);
      const active = count;
      stamp++;
      count = 0;
      for (let s = 0; s < active; s++) {
        const state = now[s]!;
        if (state === end) continue;
        const { kind, accepts } = tokens[state]!;
        if (accepts[char] === 1) enter(next, kind === 'one' ? state + 1 : state);
      }
      [now, next] = [next, now];
    }
    return count > 0 && seen[end] === stamp;
  };
}
