import path from 'node:path';
import { DamagedBytes } from './damaged-bytes.ts';
import { readObjectFile } from './object-file.ts';

/** Git ignores alternates of alternates that are nested deeper (`link_alt_odb_entries`). */
const MAX_DEPTH = 5;
const MAX_FILE = 1 << 20;
const MAX_DIRECTORIES = 1_000;

/**
 * An object directory and those that its `info/alternates` names, relative to it, with theirs. A
 * list that is no regular file, or too long, names none, and so does what is nested too deep.
 */
export function withAlternates(dir: string): readonly string[] {
  const dirs = new Set<string>();
  addWithAlternates(dir, 0, dirs);
  return [...dirs];
}

function addWithAlternates(dir: string, depth: number, dirs: Set<string>): void {
  if (dirs.has(dir) || dirs.size === MAX_DIRECTORIES) return;
  dirs.add(dir);
  if (depth > MAX_DEPTH) return;
  for (const line of alternatesOf(dir)) {
    if (isPath(line) && !line.startsWith('#')) addWithAlternates(path.resolve(dir, line), depth + 1, dirs);
  }
}

/** No file has a NUL byte in its name. */
function isPath(line: string): boolean {
  return line !== '' && !line.includes('\0');
}

function alternatesOf(dir: string): string[] {
  try {
    return readObjectFile(path.join(dir, 'info/alternates'), MAX_FILE)?.toString('utf8').split('\n') ?? [];
  } catch (error) {
    if (error instanceof DamagedBytes) return [];
    throw error;
  }
}
