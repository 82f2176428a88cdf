import fs from 'node:fs';

/**
 * Up to `length` bytes at `position`; fewer only at the end of the file. `enough`: where a file
 * that did not grow ends, which spares asking for more.
 */
export function readAt(fd: number, position: number, length: number, enough: number = length): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length && filled !== enough) {
    const read = fs.readSync(fd, buffer, filled, length - filled, position + filled);
    if (read === 0) break;
    filled += read;
  }
  return buffer.subarray(0, filled);
}
