import { DamagedBytes } from './damaged-bytes.ts';

/**
 * Applies a delta to `base` and returns the result (git's Documentation/gitformat-pack.txt,
 * "Deltified representation"). `accept` learns the size of the result before memory is set aside,
 * and may throw.
 * @throws DamagedBytes
 */
export function applyDelta(base: Buffer, delta: Buffer, accept: (size: number) => void): Buffer {
  const from = readSize(delta, 0);
  if (from.size !== base.length) throw new DamagedBytes('a delta does not fit its base');
  const to = readSize(delta, from.at);
  accept(to.size);
  const out = Buffer.allocUnsafe(to.size);
  let at = to.at;
  let filled = 0;
  while (at < delta.length) {
    const op = delta[at++]!;
    if (op & 0x80) {
      let offset = 0;
      let size = 0;
      for (let i = 0; i < 4; i++) if (op & (1 << i)) offset += (delta[at++] ?? 0) * 2 ** (8 * i);
      for (let i = 0; i < 3; i++) if (op & (16 << i)) size += (delta[at++] ?? 0) * 2 ** (8 * i);
      if (size === 0) size = 0x10000;
      if (at > delta.length || offset + size > base.length || filled + size > out.length) throw damaged();
      base.copy(out, filled, offset, offset + size);
      filled += size;
    } else {
      // Git reserves the instruction 0 for later.
      if (op === 0 || at + op > delta.length || filled + op > out.length) throw damaged();
      delta.copy(out, filled, at, at + op);
      filled += op;
      at += op;
    }
  }
  if (filled !== out.length) throw damaged();
  return out;
}

/** Reads the size of the result from the first bytes of a delta. @throws DamagedBytes */
export function resultSizeOf(delta: Buffer): number {
  return readSize(delta, readSize(delta, 0).at).size;
}

/** A size has seven bits a byte, the lowest first. Seven bytes hold the size of any file. */
function readSize(delta: Buffer, start: number): { readonly size: number; readonly at: number } {
  let size = 0;
  for (let i = 0; i < 7; i++) {
    const byte = delta[start + i];
    if (byte === undefined) throw damaged();
    size += (byte & 0x7f) * 2 ** (7 * i);
    if (!(byte & 0x80)) return { size, at: start + i + 1 };
  }
  throw damaged();
}

function damaged(): DamagedBytes {
  return new DamagedBytes('a delta is damaged');
}
