/**
 * Code points that no output of devs may hold: written range by range, apart from the product's own
 * expression. A newline ends a line of ours and is not among them.
 */
const RANGES = [
  [0x00, 0x09],
  [0x0b, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xd800, 0xdfff],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff9, 0xfffb],
  [0x1d173, 0x1d17a],
  [0xe0000, 0xe0fff],
] as const;

function isUnsafe(codePoint: number): boolean {
  return RANGES.some(([from, to]) => codePoint >= from && codePoint <= to);
}

/** The unsafe code points of a text, in hexadecimal. */
export function unsafeIn(text: string): string[] {
  const found = [...text].map((character) => character.codePointAt(0)!).filter(isUnsafe);
  return [...new Set(found)].map((codePoint) => codePoint.toString(16));
}
