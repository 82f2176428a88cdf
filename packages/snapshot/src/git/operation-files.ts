import fs from 'node:fs';
import path from 'node:path';
import { readIfThere } from '../base/durable.ts';

/** Files of the git directory that say that an operation (merge, rebase, ...) is in progress, and how far it is. */
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
];
// The refs of a bisect and of a rebase with merges belong to one work tree, and git never packs them.
const DIRECTORIES = ['rebase-merge', 'rebase-apply', 'sequencer', 'refs/bisect', 'refs/rewritten'];

/** Whether git has a file, or a directory, of that path (relative to the git directory) for an operation in progress. */
export function isOperationFile(name: string, isDirectory: boolean): boolean {
  if (name.split('/').some((part) => part === '' || part === '.' || part === '..')) return false;
  if (DIRECTORIES.some((directory) => name.startsWith(`${directory}/`))) return true;
  if (!isDirectory) return FILES.includes(name);
  return DIRECTORIES.some((directory) => directory === name || directory.startsWith(`${name}/`));
}

/** Relative path (slashes) to content, of all operation files that exist. */
export function readOperationFiles(gitDir: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const name of FILES) {
    const bytes = readIfThere(path.join(gitDir, name));
    if (bytes !== null) files.set(name, bytes);
  }
  for (const name of DIRECTORIES) readRecursively(gitDir, name, files);
  return files;
}

function readRecursively(gitDir: string, relative: string, files: Map<string, Buffer>): void {
  const dir = path.join(gitDir, relative);
  if (!fs.existsSync(dir)) return;
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    const name = `${relative}/${entry.name}`;
    if (entry.isDirectory()) readRecursively(gitDir, name, files);
    else if (entry.isFile()) {
      const bytes = readIfThere(path.join(gitDir, name));
      if (bytes !== null) files.set(name, bytes);
    }
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

/** Makes the operation files exactly `wanted`. Each file whole or absent; directories only removed when empty. */
export function writeOperationFiles(
  gitDir: string,
  wanted: ReadonlyMap<string, Buffer>,
  replace: (file: string, bytes: Buffer) => void,
): void {
  const current = readOperationFiles(gitDir);
  for (const [name, bytes] of wanted) {
    if (current.get(name)?.equals(bytes)) continue;
    const file = path.join(gitDir, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    replace(file, bytes);
  }
  for (const name of current.keys()) if (!wanted.has(name)) fs.rmSync(path.join(gitDir, name), { force: true });
  for (const name of DIRECTORIES) {
    if (![...wanted.keys()].some((file) => file.startsWith(`${name}/`))) {
      fs.rmSync(path.join(gitDir, name), { recursive: true, force: true });
    }
  }
}
