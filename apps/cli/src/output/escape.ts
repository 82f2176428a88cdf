declare const escaped: unique symbol;

/** Text that a terminal shows and never obeys. Only the functions of this file make it. */
export type Escaped = string & { readonly [escaped]: true };

const PLAIN = /^[ -~]*$/;

/**
 * What a terminal would obey, hide or reorder: control characters (C0, DEL, C1), bidirectional and
 * other format characters, characters without a width, line separators, halves of surrogate pairs.
 * The newest list of attacks on readers: https://trojansource.codes/trojan-source.pdf
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]/gu;

const NAMED: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
};

/**
 * One line of text with everything in it visible, as C has it: `\r`, `\x1b`, `\u202e`, `\u{e0041}`.
 * A backslash stays as it is, so to escape twice is to escape once.
 */
export function escapeLine(text: string): Escaped {
  return (PLAIN.test(text) ? text : text.replace(UNSAFE, escapeCharacter)) as Escaped;
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0)!;
  const hex = (digits: number) => code.toString(16).padStart(digits, '0');
  if (code < 0x100) return NAMED[character] ?? `\\x${hex(2)}`;
  return code < 0x10000 ? `\\u${hex(4)}` : `\\u{${hex(0)}}`;
}

/** JSON text whose strings hold the same characters, each unsafe one written as `\uXXXX`. */
export function escapeJson(json: string): Escaped {
  if (PLAIN.test(json)) return json as Escaped;
  const units = (character: string) =>
    [...Array(character.length).keys()].map((i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`);
  return json.replace(UNSAFE, (character) => units(character).join('')) as Escaped;
}

/** A sequence of bytes (one character each) that is valid UTF-8, or a byte that belongs to none. */
const UTF8 =
  /(?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})+|[\x80-\xff]/g;

/**
 * A line of a file's bytes, one character per byte, for a terminal: tabs stay, bytes that are not
 * UTF-8 are `\xe9`.
 */
export function escapeBytes(line: string): Escaped {
  if (/^[\t -~]*$/.test(line)) return line as Escaped;
  const text = line.replace(UTF8, (part) => {
    const isStray = part.length === 1 && part > '\x7f';
    return isStray ? `\\x${part.charCodeAt(0).toString(16)}` : Buffer.from(part, 'latin1').toString('utf8');
  });
  return text.split('\t').map(escapeLine).join('\t') as Escaped;
}

/**
 * A path as git shows it (`core.quotePath`): as it is, or in double quotes with C's escapes, bytes
 * in octal.
 */
export function quotePath(path: string): Escaped {
  if (/^[ !#-[\]-~]*$/.test(path)) return path as Escaped;
  const quoted = Buffer.from(path, 'utf8')
    .toString('latin1')
    .replace(/[\x00-\x1f"\\\x7f-\xff]/g, quoteByte);
  return `"${quoted}"` as Escaped;
}

function quoteByte(byte: string): string {
  if (byte === '"' || byte === '\\') return `\\${byte}`;
  return NAMED[byte] ?? `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`;
}
