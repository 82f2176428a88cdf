/** One assignment of a configuration file. */
export interface Assignment {
  /** `section.key` or `section.subsection.key`; section and key in lower case. */
  readonly key: string;
  /** Null where the key stands alone, which is true for a boolean and an error for all else. */
  readonly value: string | null;
}

/** Where a configuration file has no meaning: git refuses the whole file there, too. */
export class ConfigSyntaxError extends Error {
  readonly line: number;

  constructor(line: number) {
    super(`bad config line ${line}`);
    this.line = line;
  }
}

/**
 * The assignments of `text`, in order, by the grammar of git-config(1) as git's own parser reads
 * it: what that refuses is refused, because a file read in another way than git reads it would mean
 * something else. Each is given out before the next is read, as git does. @throws ConfigSyntaxError
 */
export function* parseConfig(text: string): Generator<Assignment> {
  const source = new Source(text);
  let section = '';
  for (;;) {
    const char = source.next();
    if (char === END) return;
    if (isSpace(char)) continue;
    if (char === '#' || char === ';') source.skipLine();
    else if (char === '[') section = readSection(source);
    else if (isLetter(char)) yield readAssignment(source, section, char);
    else throw source.bad();
  }
}

/** What follows the last character. No character of a file is an empty string. */
const END = '';

/** Characters one at a time; `\r\n` is one line end. */
class Source {
  readonly #text: string;
  #at: number;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
    this.#at = text.startsWith('\ufeff') ? 1 : 0;
  }

  next(): string {
    let char = this.#text.charAt(this.#at++);
    if (char === '\r' && this.#text.charAt(this.#at) === '\n') {
      char = '\n';
      this.#at++;
    }
    if (char === '\n') this.#line++;
    return char;
  }

  skipLine(): void {
    for (let char = this.next(); char !== '\n' && char !== END; ) char = this.next();
  }

  /** `read`: the last character taken, where it ended the line that is bad. */
  bad(read = ''): ConfigSyntaxError {
    return new ConfigSyntaxError(read === '\n' ? this.#line - 1 : this.#line);
  }
}

/**
 * What follows `[`: `section]`, `section.sub]` or `section "sub"]`; in the last alone, case counts.
 */
function readSection(source: Source): string {
  let name = '';
  for (;;) {
    const char = source.next();
    if (char === ']') {
      if (name === '') throw source.bad();
      return name;
    }
    if (isSpace(char)) return `${name}.${readSubsection(source, char)}`;
    if (!isKeyChar(char) && char !== '.') throw source.bad(char);
    name += char.toLowerCase();
  }
}

function readSubsection(source: Source, first: string): string {
  let char = first;
  for (; isSpace(char); char = source.next()) if (char === '\n') throw source.bad(char);
  if (char !== '"') throw source.bad(char);
  let name = '';
  for (char = source.next(); char !== '"'; char = source.next()) {
    if (char === '\\') char = source.next();
    if (char === '\n' || char === END) throw source.bad(char);
    name += char;
  }
  const close = source.next();
  if (close !== ']') throw source.bad(close);
  return name;
}

function readAssignment(source: Source, section: string, first: string): Assignment {
  let name = first.toLowerCase();
  let char = source.next();
  for (; isKeyChar(char); char = source.next()) name += char.toLowerCase();
  while (char === ' ' || char === '\t') char = source.next();
  const key = untilNul(section === '' ? name : `${section}.${name}`);
  if (char === '\n' || char === END) return { key, value: null };
  if (char !== '=') throw source.bad();
  return { key, value: untilNul(readValue(source)) };
}

/** Git holds names and values as strings of C, which end at the first NUL. */
function untilNul(text: string): string {
  const nul = text.indexOf('\0');
  return nul === -1 ? text : text.slice(0, nul);
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['t', '\t'],
  ['b', '\b'],
  ['\\', '\\'],
  ['"', '"'],
]);

/**
 * Spaces at both ends do not count, quotes and comments are taken away, and a backslash continues
 * the line.
 */
function readValue(source: Source): string {
  let value = '';
  /** Where the spaces begin that do not count unless something follows. */
  let trimmed = -1;
  let isQuoted = false;
  for (;;) {
    const char = source.next();
    if (char === '\n' || char === END) {
      if (isQuoted) throw source.bad(char);
      return trimmed === -1 ? value : value.slice(0, trimmed);
    }
    if (isSpace(char) && !isQuoted) {
      if (trimmed === -1) trimmed = value.length;
      if (value !== '') value += char;
      continue;
    }
    if (!isQuoted && (char === ';' || char === '#')) {
      source.skipLine();
      return trimmed === -1 ? value : value.slice(0, trimmed);
    }
    trimmed = -1;
    if (char === '"') isQuoted = !isQuoted;
    else if (char === '\\') {
      const escaped = source.next();
      if (escaped === '\n' || escaped === END) continue;
      const meant = ESCAPES.get(escaped);
      if (meant === undefined) throw source.bad();
      value += meant;
    } else value += char;
  }
}

function isSpace(char: string): boolean {
  return char === ' ' || char === '\t' || char === '\n' || char === '\r';
}

function isLetter(char: string): boolean {
  return /^[A-Za-z]$/.test(char);
}

function isKeyChar(char: string): boolean {
  return /^[A-Za-z0-9-]$/.test(char);
}
