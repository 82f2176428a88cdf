import fs from 'node:fs';
import { type BytePath, byteOrder, onDisk } from '../base/byte-path.ts';
import { codeOf } from '../base/errors.ts';

/** Made once: it is asked tens of thousands of times. */
const IF_THERE = { throwIfNoEntry: false } as const;

/** Of the file or link itself; null where there is none. */
export function statIfThere(root: string, path: BytePath): fs.Stats | null {
  try {
    return fs.lstatSync(onDisk(root, path), IF_THERE) ?? null;
  } catch (error) {
    // A parent is no directory (any more).
    if (codeOf(error) === 'ENOTDIR') return null;
    throw error;
  }
}

/** In byte order of the names, which is how they come nearly everywhere. */
export function readDirectory(root: string, dir: BytePath): fs.Dirent[] {
  try {
    const entries = fs.readdirSync(onDisk(root, dir), { withFileTypes: true, encoding: 'latin1' });
    const isSorted = entries.every((entry, i) => i === 0 || entries[i - 1]!.name < entry.name);
    return isSorted ? entries : entries.sort((a, b) => byteOrder(a.name, b.name));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
