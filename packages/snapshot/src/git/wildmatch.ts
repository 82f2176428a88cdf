/**
 * Git's wildmatch (wildmatch.c) as regular expressions over byte paths. `pathname` means that `*`, `?` and classes do
 * not match a slash and that `**` between slashes matches any number of directories.
 */
export function wildmatch(pattern: string, ignoreCase: boolean): RegExp | null {
  // Git compares the part before the first special character by itself, and then sees what follows as a pattern of its
  // own (dir.c, match_pathname): so `a**/b` begins with `**/`, too.
  const prefix = pattern.search(/[*?[\\]/);
  let source = '';
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]!;
    if (char === '*') {
      const stars = /^\*+/.exec(pattern.slice(i))![0].length;
      const atStart = i === prefix || pattern[i - 1] === '/';
      const after = pattern[i + stars];
      if (stars >= 2 && atStart && after === '/') {
        source += '(?:.*/)?';
        i += stars;
      } else if (stars >= 2 && atStart && after === undefined) {
        source += '.*';
        i += stars - 1;
      } else {
        source += '[^/]*';
        i += stars - 1;
      }
    } else if (char === '?') source += '[^/]';
    else if (char === '[') {
      const parsed = characterClass(pattern, i);
      if (parsed === null) return null;
      source += parsed.source;
      i = parsed.last;
    } else if (char === '\\') {
      if (++i >= pattern.length) return null;
      source += literal(pattern[i]!);
    } else source += literal(char);
  }
  return new RegExp(`^${source}$`, ignoreCase ? 'si' : 's');
}

function literal(char: string): string {
  return /[\\^$.*+?()[\]{}|/-]/.test(char) ? `\\${char}` : char;
}

const POSIX: Readonly<Record<string, string>> = {
  alnum: 'A-Za-z0-9',
  alpha: 'A-Za-z',
  blank: ' \\t',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '\\x21-\\x7e',
  lower: 'a-z',
  print: '\\x20-\\x7e',
  punct: '\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e',
  space: '\\s',
  upper: 'A-Z',
  xdigit: '0-9A-Fa-f',
};

/** A bracket expression that starts at `start`; null where it never ends, which makes the pattern match nothing. */
function characterClass(pattern: string, start: number): { source: string; last: number } | null {
  let i = start + 1;
  const negated = pattern[i] === '!' || pattern[i] === '^';
  if (negated) i++;
  let body = '';
  for (let first = true; ; first = false, i++) {
    let char = pattern[i];
    if (char === undefined) return null;
    if (char === ']' && !first) break;
    if (char === '[' && pattern[i + 1] === ':') {
      const end = pattern.indexOf(':]', i + 2);
      const set = end === -1 ? undefined : POSIX[pattern.slice(i + 2, end)];
      if (set === undefined) return null;
      body += set;
      i = end + 1;
      continue;
    }
    if (char === '\\') char = pattern[++i];
    if (char === undefined) return null;
    if (pattern[i + 1] === '-' && pattern[i + 2] !== undefined && pattern[i + 2] !== ']') {
      i += 2;
      let to = pattern[i]!;
      if (to === '\\') to = pattern[++i] ?? '';
      if (to === '') return null;
      if (char <= to) body += `${byte(char)}-${byte(to)}`;
    } else body += byte(char);
  }
  if (body === '') return { source: negated ? '[^/]' : '(?!)', last: i };
  return { source: `(?!/)[${negated ? '^' : ''}${body}]`, last: i };
}

function byte(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
