import type { Random } from './random.ts';

export interface Material {
  readonly random: Random;
  /** Other inputs, of which pieces are taken. */
  readonly corpus: readonly Buffer[];
  /** Words that mean something to the parser. */
  readonly tokens: readonly string[];
}

type Mutation = (input: Buffer, material: Material) => Buffer;

/**
 * Larger inputs are cut: a parser's bounds are tested by what the input says, not by its length.
 */
export const MAX_INPUT: number = 1 << 18;

const BYTES = [0, 1, 0x20, 0x0a, 0x2f, 0x7f, 0x80, 0xff];
const NUMBERS = [
  0, 1, 2, 19, 20, 21, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
];
const DIGITS = ['0', '-1', '1', '007', '4294967295', '4294967296', '9007199254740993', '1e9', '0x10', '9'.repeat(40)];

function flipBit(input: Buffer, { random }: Material): Buffer {
  const out = Buffer.from(input);
  const bit = random.below(out.length * 8);
  out[bit >> 3]! ^= 1 << (bit & 7);
  return out;
}

function setByte(input: Buffer, { random }: Material): Buffer {
  const out = Buffer.from(input);
  out[random.below(out.length)] = random.pick([...BYTES, random.below(256)]);
  return out;
}

/** Most formats have lengths, counts and offsets in two, four or eight bytes. */
function setNumber(input: Buffer, { random }: Material): Buffer {
  const width = random.pick([2, 4, 8]);
  if (input.length < width) return input;
  const out = Buffer.from(input);
  const at = random.below(out.length - width + 1);
  const value = random.pick([...NUMBERS, out.length, out.length - at, random.below(2 ** 32)]);
  if (width === 2) out.writeUInt16BE(value & 0xffff, at);
  else if (width === 4) random.below(4) === 0 ? out.writeUInt32LE(value, at) : out.writeUInt32BE(value, at);
  else out.writeBigUInt64BE(random.below(2) === 0 ? BigInt(value) : (BigInt(value) << 32n) | BigInt(value), at);
  return out;
}

function nudgeNumber(input: Buffer, { random }: Material): Buffer {
  if (input.length < 4) return input;
  const out = Buffer.from(input);
  const at = random.below(out.length - 3);
  out.writeInt32BE((out.readInt32BE(at) + random.pick([-1, 1, -20, 20, 256])) | 0, at);
  return out;
}

function truncate(input: Buffer, { random }: Material): Buffer {
  return input.subarray(0, random.below(input.length + 1));
}

function remove(input: Buffer, { random }: Material): Buffer {
  const start = random.below(input.length);
  const end = start + 1 + random.below(Math.min(64, input.length - start));
  return Buffer.concat([input.subarray(0, start), input.subarray(end)]);
}

function repeat(input: Buffer, { random }: Material): Buffer {
  const start = random.below(input.length);
  const piece = input.subarray(start, start + 1 + random.below(128));
  const times = random.pick([1, 2, 10, 300]);
  return Buffer.concat([input.subarray(0, start), ...Array<Buffer>(times).fill(piece), input.subarray(start)]);
}

function insert(input: Buffer, { random, tokens }: Material): Buffer {
  const at = random.below(input.length + 1);
  const bytes =
    tokens.length > 0 && random.below(2) === 0
      ? Buffer.from(random.pick(tokens), 'latin1')
      : Buffer.from(Array.from({ length: 1 + random.below(8) }, () => random.pick([...BYTES, random.below(256)])));
  return Buffer.concat([input.subarray(0, at), bytes, input.subarray(at)]);
}

function splice(input: Buffer, { random, corpus }: Material): Buffer {
  const other = random.pick(corpus);
  const from = random.below(other.length + 1);
  const piece = other.subarray(from, from + random.below(other.length - from + 1));
  const at = random.below(input.length + 1);
  const end = random.below(2) === 0 ? at : Math.min(input.length, at + piece.length);
  return Buffer.concat([input.subarray(0, at), piece, input.subarray(end)]);
}

/** A number in text becomes another. */
function setDigits(input: Buffer, { random }: Material): Buffer {
  const text = input.toString('latin1');
  const numbers = [...text.matchAll(/\d+/g)];
  if (numbers.length === 0) return input;
  const { 0: digits, index } = random.pick(numbers);
  return Buffer.from(text.slice(0, index) + random.pick(DIGITS) + text.slice(index + digits.length), 'latin1');
}

/** A line or word changes its place, is doubled, or becomes another token. */
function moveWord(input: Buffer, { random, tokens }: Material): Buffer {
  const words = input.toString('latin1').split(random.pick([/(?<=\n)/, /(?<=[ \t])/, /(?<=\W)/]));
  const [from, to] = [random.below(words.length), random.below(words.length)];
  const word = tokens.length > 0 && random.below(2) === 0 ? random.pick(tokens) : words[from]!;
  words.splice(to, random.below(2), word);
  return Buffer.from(words.join(''), 'latin1');
}

const ALL: readonly Mutation[] = [
  flipBit,
  setByte,
  setNumber,
  nudgeNumber,
  truncate,
  remove,
  repeat,
  insert,
  splice,
  setDigits,
  moveWord,
];

/** One to six changes, one after another. */
export function mutate(input: Buffer, material: Material): Buffer {
  let out = input;
  for (let left = 1 + material.random.below(6); left > 0; left--) {
    out = out.length === 0 ? insert(out, material) : material.random.pick(ALL)(out, material);
    if (out.length > MAX_INPUT) out = out.subarray(0, MAX_INPUT);
  }
  return out;
}
