import { Repo } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { escapeBytes, escapeJson, escapeLine, quotePath } from '../src/output/escape.ts';
import { unsafeIn } from './unsafe.ts';

/** All characters there are, halves of surrogate pairs included, in pieces. */
const ALL: readonly string[] = Array.from({ length: 0x110 }, (_, piece) =>
  Array.from({ length: 0x1000 }, (_, i) => `${String.fromCodePoint(piece * 0x1000 + i)} `).join(''),
);

describe('a line', () => {
  test('shows what a terminal would obey', () => {
    expect(escapeLine('a\x1b]52;c;eA==\x07b\r\x08\x7f\x9b31m')).toBe(String.raw`a\x1b]52;c;eA==\ab\r\b\x7f\x9b31m`);
    expect(escapeLine('a\u202eb\u2066\u200b\ufeff\u{e0041}\ud800')).toBe(
      String.raw`a\u202eb\u2066\u200b\ufeff\u{e0041}\ud800`,
    );
  });

  test('leaves ordinary text of any language as it is', () => {
    for (const text of ['plain', 'ünïcode ☃', 'עברית', '日本語', 'back\\slash']) expect(escapeLine(text)).toBe(text);
  });

  test('is safe whatever it was, and escaping twice is escaping once', () => {
    for (const text of ALL) {
      const line = escapeLine(text);
      expect(unsafeIn(line)).toEqual([]);
      expect(line).not.toContain('\n');
      expect(escapeLine(line)).toBe(line);
    }
  });
});

test('JSON keeps its meaning, and no character of it is unsafe', () => {
  for (const text of ALL) {
    const json = escapeJson(JSON.stringify({ text }));
    expect(unsafeIn(json)).toEqual([]);
    expect(JSON.parse(json)).toEqual({ text });
  }
});

test('bytes of a file: tabs stay, what is not UTF-8 is shown, the rest as a line', () => {
  const latin1 = (text: string) => Buffer.from(text, 'utf8').toString('latin1');
  expect(escapeBytes(latin1('+\tünï ☃ \u202e'))).toBe('+\tünï ☃ \\u202e');
  expect(escapeBytes('caf\xe9 \x9b1m \xed\xa0\x80')).toBe('caf\\xe9 \\x9b1m \\xed\\xa0\\x80');
  for (const text of ALL) {
    expect(unsafeIn(escapeBytes(latin1(text)).replaceAll('\t', ''))).toEqual([]);
    expect(unsafeIn(escapeBytes(latin1(text).replaceAll(' ', '')).replaceAll('\t', ''))).toEqual([]);
  }
});

test('a path is quoted as the real git quotes it', () => {
  const repo = Repo.create();
  const names = [
    'plain.txt',
    'a b',
    'a\tb',
    'a\nb',
    'q"uote',
    'back\\slash',
    'ünï',
    '\x1b]52;c;x\x07',
    '\x7f',
    '\u202e',
  ];
  for (const name of names) repo.write(name, 'x');
  const shown = repo.git('ls-files', '--others').split('\n');
  expect(names.map(quotePath).sort()).toEqual(shown.sort());
});
