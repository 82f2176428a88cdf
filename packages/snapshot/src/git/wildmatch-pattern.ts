const SLASH = 0x2f;

/** A part of a pattern. */
export interface Token {
  /**
   * `one` takes exactly one character, `many` any number of them. `maybe` takes none: the `many`
   * and the slash that follow it may be left out together.
   */
  readonly kind: 'one' | 'many' | 'maybe';
  /** 1 for each character that it takes. */
  readonly accepts: Uint8Array;
}

const NOTHING = new Uint8Array(256);
const ANYTHING = new Uint8Array(256).fill(1);
const NO_SLASH = ANYTHING.slice();
NO_SLASH[SLASH] = 0;

/**
 * The parts of a pattern of git's wildmatch; null where it has none, so that it matches nothing.
 */
export function parseWildcards(pattern: string, ignoreCase: boolean): Token[] | null {
  const tokens: Token[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!;
    if (char === '*') {
      const start = i;
      while (pattern[i + 1] === '*') i++;
      i = addStars(tokens, pattern, start, i);
    } else if (char === '?') tokens.push({ kind: 'one', accepts: NO_SLASH });
    else if (char === '[') {
      const parsed = parseClass(pattern, i, ignoreCase);
      if (parsed === null) return null;
      tokens.push({ kind: 'one', accepts: parsed.accepts });
      i = parsed.last;
    } else if (char === '\\') {
      if (++i >= pattern.length) return null;
      // Git forgets to fold a character behind a backslash: one in upper case never matches.
      const isLost = ignoreCase && /[A-Z]/.test(pattern[i]!);
      tokens.push({ kind: 'one', accepts: isLost ? NOTHING : literal(pattern[i]!, ignoreCase) });
    } else tokens.push({ kind: 'one', accepts: literal(char, ignoreCase) });
  }
  return tokens;
}

/**
 * Adds what the stars from `start` to `last` mean; returns the position of the last character that
 * belongs to it.
 */
function addStars(tokens: Token[], pattern: string, start: number, last: number): number {
  const after = pattern[last + 1];
  const isFree = start === 0 || pattern[start - 1] === '/';
  const isSlashQuoted = after === '\\' && pattern[last + 2] === '/';
  if (last === start || !isFree || (after !== undefined && after !== '/' && !isSlashQuoted)) {
    tokens.push({ kind: 'many', accepts: NO_SLASH });
    return last;
  }
  if (after !== '/') {
    tokens.push({ kind: 'many', accepts: ANYTHING });
    return last;
  }
  // Twice any number of directories is any number of directories.
  if (tokens.at(-3)?.kind !== 'maybe') {
    tokens.push({ kind: 'maybe', accepts: NOTHING });
    tokens.push({ kind: 'many', accepts: ANYTHING });
    tokens.push({ kind: 'one', accepts: literal('/', false) });
  }
  return last + 1;
}

/** One table a character, for each of both ways: patterns have many characters in common. */
const LITERALS = new Map<string, Uint8Array>();

function literal(char: string, ignoreCase: boolean): Uint8Array {
  const key = ignoreCase ? `i${char}` : char;
  let accepts = LITERALS.get(key);
  if (accepts === undefined) {
    accepts = new Uint8Array(256);
    accepts[char.charCodeAt(0)] = 1;
    if (ignoreCase && /[A-Za-z]/.test(char)) accepts[char.charCodeAt(0) ^ 0x20] = 1;
    LITERALS.set(key, accepts);
  }
  return accepts;
}

const POSIX: ReadonlyMap<string, RegExp> = new Map([
  ['alnum', /[A-Za-z0-9]/],
  ['alpha', /[A-Za-z]/],
  ['blank', /[ \t]/],
  ['cntrl', /[\x00-\x1f\x7f]/],
  ['digit', /[0-9]/],
  ['graph', /[\x21-\x7e]/],
  ['lower', /[a-z]/],
  ['print', /[\x20-\x7e]/],
  ['punct', /[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]/],
  // As git has it: neither a vertical tab nor a form feed.
  ['space', /[ \t\n\r]/],
  ['upper', /[A-Z]/],
  ['xdigit', /[0-9A-Fa-f]/],
]);

/**
 * A bracket expression that starts at `start`; null where it never ends, or names a class that
 * there is not.
 */
function parseClass(
  pattern: string,
  start: number,
  ignoreCase: boolean,
): { readonly accepts: Uint8Array; readonly last: number } | null {
  /** By the character of the text, in lower case where case does not count. */
  const matched = new Uint8Array(256);
  let i = start + 1;
  const isNegated = pattern[i] === '!' || pattern[i] === '^';
  if (isNegated) i++;
  /** The character that a range may begin with. */
  let previous: string | null = null;
  for (let isFirst = true; isFirst || pattern[i] !== ']'; isFirst = false, i++) {
    let char = pattern[i];
    if (char === undefined) return null;
    const next = pattern[i + 1];
    const close = char === '[' && next === ':' ? pattern.indexOf(']', i + 2) : -2;
    if (close === -1) return null;
    if (char === '\\') {
      char = pattern[++i];
      if (char === undefined) return null;
      matched[char.charCodeAt(0)] = 1;
      previous = char;
    } else if (char === '-' && previous !== null && next !== undefined && next !== ']') {
      let to = pattern[++i];
      if (to === '\\') to = pattern[++i];
      if (to === undefined) return null;
      addRange(matched, previous.charCodeAt(0), to.charCodeAt(0), ignoreCase);
      previous = null;
    } else if (close > i + 2 && pattern[close - 1] === ':') {
      const name = pattern.slice(i + 2, close - 1);
      if (!addNamed(matched, name, ignoreCase)) return null;
      i = close;
      previous = null;
    } else {
      matched[char.charCodeAt(0)] = 1;
      previous = char;
    }
  }
  return { accepts: tableOf(matched, isNegated, ignoreCase), last: i };
}

function addRange(matched: Uint8Array, from: number, to: number, ignoreCase: boolean): void {
  for (let code = from; code <= to; code++) {
    matched[code] = 1;
    if (ignoreCase && code >= 0x41 && code <= 0x5a) matched[code | 0x20] = 1;
  }
}

/** False where there is no class of that name. */
function addNamed(matched: Uint8Array, name: string, ignoreCase: boolean): boolean {
  const set = POSIX.get(ignoreCase && name === 'upper' ? 'alpha' : name);
  if (set === undefined) return false;
  for (let code = 0; code < 128; code++) if (set.test(String.fromCharCode(code))) matched[code] = 1;
  return true;
}

function tableOf(matched: Uint8Array, isNegated: boolean, ignoreCase: boolean): Uint8Array {
  const accepts = new Uint8Array(256);
  for (let code = 0; code < 256; code++) {
    const asked = ignoreCase && code >= 0x41 && code <= 0x5a ? code | 0x20 : code;
    accepts[code] = (matched[asked] === 1) === isNegated ? 0 : 1;
  }
  accepts[SLASH] = 0;
  return accepts;
}
