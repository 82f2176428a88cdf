declare const quoted: unique symbol;

/**
 * A line that a shell reads as one command. Only `quoteArgv` makes one, so nothing else can be
 * printed as a hint.
 */
export type ShellLine = string & { readonly [quoted]: true };

/**
 * Neither quoted nor expanded by sh, bash, zsh or fish. Not at the beginning: `=` (zsh puts a
 * program's path there), `%` (a job), `~` and `@` and `+` and `,`.
 */
const PLAIN = /^[\w./-][\w./:@%+,=-]*$/;

/**
 * What no terminal shows as it is: control and format characters, blanks other than the space, what
 * git's names may hold.
 */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/u;

/**
 * One line for a POSIX shell that is one command with exactly these words. Words that hold control
 * characters are written with `$'...'` (POSIX 2024; bash, zsh, ksh), so that no control character
 * is ever printed.
 */
export function quoteArgv(argv: readonly string[]): ShellLine {
  return argv.map((word, i) => quoteWord(word, i === 0)).join(' ') as ShellLine;
}

function quoteWord(word: string, isProgram: boolean): string {
  // A first word with `=` would be an assignment.
  if (PLAIN.test(word) && !(isProgram && word.includes('='))) return word;
  if (!UNPRINTABLE.test(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  return `$'${[...word].map(escaped).join('')}'`;
}

/** Octal of three digits: where a hexadecimal escape ends, shells do not agree. */
function escaped(character: string): string {
  if (character === "'" || character === '\\') return `\\${character}`;
  if (!UNPRINTABLE.test(character)) return character;
  return [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}
