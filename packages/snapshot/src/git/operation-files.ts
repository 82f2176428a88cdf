import fs from 'node:fs';
import path from 'node:path';
import { makeDirectory, readIfThere, removeIfThere, removeRegular, replaceFile } from '../base/durable.ts';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';
import { RealDirectory } from '../base/real-directory.ts';
import type { Sharing } from '../base/sharing.ts';

/**
 * Files of the git directory that say that an operation (merge, rebase, ...) is in progress, and
 * how far it is.
 */
const FILES = [
  'MERGE_HEAD',
  'MERGE_MSG',
  'MERGE_MODE',
  'MERGE_RR',
  'MERGE_AUTOSTASH',
  'AUTO_MERGE',
  'SQUASH_MSG',
  'CHERRY_PICK_HEAD',
  'REVERT_HEAD',
  'REBASE_HEAD',
  'ORIG_HEAD',
  'BISECT_LOG',
  'BISECT_START',
  'BISECT_TERMS',
  'BISECT_NAMES',
  'BISECT_EXPECTED_REV',
  'BISECT_ANCESTORS_OK',
  // The patterns belong to the skip-worktree bits of the index, which come back, too.
  'info/sparse-checkout',
];
// The refs of a bisect and of a rebase with merges belong to one work tree, and git never packs
// them.
const DIRECTORIES = ['rebase-merge', 'rebase-apply', 'sequencer', 'refs/bisect', 'refs/rewritten'];

/**
 * Whether git has a file, or a directory, of that path (relative to the git directory) for an
 * operation in progress.
 */
export function isOperationFile(name: string, isDirectory: boolean): boolean {
  if (name.split('/').some((part) => part === '' || part === '.' || part === '..')) return false;
  if (DIRECTORIES.some((directory) => name.startsWith(`${directory}/`))) return true;
  if (!isDirectory) return FILES.includes(name);
  return DIRECTORIES.includes(name) || [...DIRECTORIES, ...FILES].some((known) => known.startsWith(`${name}/`));
}

/** Larger ones are no file that git wrote to say how far it is. */
const MAX_FILE_BYTES = 512 << 20;

/**
 * Relative path (slashes) to content, of all operation files that exist. `onSkipped` is told of the
 * names at which something else is: a link could lead to what is none of the repository's, and a
 * pipe holds nothing.
 */
export function readOperationFiles(gitDir: string, onSkipped: (name: string) => void = () => {}): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const name of FILES) readOne(gitDir, name, files, onSkipped);
  for (const name of DIRECTORIES) {
    const kind = fs.lstatSync(path.join(gitDir, name), { throwIfNoEntry: false });
    if (kind?.isDirectory()) readRecursively(gitDir, name, files, onSkipped);
    else if (kind !== undefined) onSkipped(name);
  }
  return files;
}

function readOne(gitDir: string, name: string, files: Map<string, Buffer>, onSkipped: (name: string) => void): void {
  try {
    const bytes = readIfThere(path.join(gitDir, name), MAX_FILE_BYTES);
    if (bytes !== null) files.set(name, bytes);
  } catch (error) {
    if (codeOf(error) !== 'DEVS_NOT_A_FILE' && codeOf(error) !== 'DEVS_FILE_TOO_LARGE') throw error;
    onSkipped(name);
  }
}

function readRecursively(
  gitDir: string,
  relative: string,
  files: Map<string, Buffer>,
  onSkipped: (name: string) => void,
): void {
  // Opened, and so proven to be reached through no link.
  using dir = RealDirectory.open(path.join(gitDir, relative));
  for (const entry of dir?.entries() ?? []) {
    const name = `${relative}/${entry.name}`;
    if (entry.isDirectory()) readRecursively(gitDir, name, files, onSkipped);
    else if (entry.isFile()) readOne(gitDir, name, files, onSkipped);
    else onSkipped(name);
  }
}

/** Object names that operation files mention, so that they can be kept from being pruned. */
export function mentionedObjects(files: ReadonlyMap<string, Buffer>): string[] {
  const oids = new Set<string>();
  for (const bytes of files.values()) {
    if (bytes.length > 64 * 1024) continue;
    for (const [oid] of bytes.toString('latin1').matchAll(/\b[0-9a-f]{40}\b/g)) oids.add(oid);
  }
  return [...oids].sort();
}

/**
 * Makes sure that each file of `names` can be written into the git directory: no directory is at
 * its name, and no file where a directory has to be.
 * @throws AtomicSnapshotError `DEVS_RESTORE_OBSTRUCTED`
 */
export function assertWritable(gitDir: string, names: Iterable<string>): void {
  for (const name of names) {
    if (kindOf(gitDir, name)?.isDirectory()) throw obstructed(path.join(gitDir, name));
    for (let parent = path.dirname(name); parent !== '.'; parent = path.dirname(parent)) {
      if (kindOf(gitDir, parent)?.isFile()) throw obstructed(path.join(gitDir, parent));
    }
  }
}

/**
 * Makes the operation files exactly `wanted`, each whole or absent. What is no regular file at
 * these names goes, for it holds no bytes that could be lost; nothing is written or deleted through
 * a link.
 * @throws AtomicSnapshotError `DEVS_RESTORE_OBSTRUCTED`, before the first change.
 */
export function writeOperationFiles(gitDir: string, wanted: ReadonlyMap<string, Buffer>, sharing: Sharing): void {
  assertWritable(gitDir, wanted.keys());
  const current = readOperationFiles(gitDir);
  for (const name of [...FILES, ...DIRECTORIES]) removeSpecial(gitDir, name);
  for (const [name, bytes] of wanted) {
    if (current.get(name)?.equals(bytes)) continue;
    const file = path.join(gitDir, name);
    makeDirectory(path.dirname(file), sharing);
    replaceFile(file, bytes, { sharing });
  }
  for (const name of current.keys()) if (!wanted.has(name)) removeRegular(path.join(gitDir, name));
  for (const name of DIRECTORIES) {
    if (![...wanted.keys()].some((file) => file.startsWith(`${name}/`))) removeEmptied(gitDir, name);
  }
}

function kindOf(gitDir: string, name: string): fs.Stats | undefined {
  try {
    return fs.lstatSync(path.join(gitDir, name), { throwIfNoEntry: false });
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Removes a link, a pipe, a socket or a device. */
function removeSpecial(gitDir: string, name: string): void {
  const kind = kindOf(gitDir, name);
  if (kind !== undefined && !kind.isFile() && !kind.isDirectory()) removeIfThere(path.join(gitDir, name));
}

/** Removes a directory that holds no regular file (any more). */
function removeEmptied(gitDir: string, relative: string): void {
  using dir = kindOf(gitDir, relative)?.isDirectory() ? RealDirectory.open(path.join(gitDir, relative)) : null;
  if (dir === null) return;
  for (const entry of dir.entries()) {
    if (entry.isDirectory()) removeEmptied(gitDir, `${relative}/${entry.name}`);
    else if (!entry.isFile()) dir.at(entry.name, removeIfThere);
  }
  try {
    fs.rmdirSync(path.join(gitDir, relative));
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(codeOf(error))) throw error;
  }
}

function obstructed(file: string): AtomicSnapshotError {
  return new AtomicSnapshotError(
    'DEVS_RESTORE_OBSTRUCTED',
    `${file} is in the way of one of git's own files, which the restore has to write; nothing was changed`,
    { hint: ['mv', file, `${file}.aside`], data: { path: file } },
  );
}
