import fs from 'node:fs';
import path from 'node:path';
import {
  appendText,
  readIfThere,
  readTextIfThere,
  removeIfThere,
  removeRegular,
  updateUnderGitLock,
} from '../base/durable.ts';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';
import { RealDirectory } from '../base/real-directory.ts';
import { isRefName } from './ref-name.ts';
import type { Repository } from './repository.ts';
import { sharingOf } from './shared-repository.ts';

/** Where HEAD points: a branch (which may have no commit yet), or a commit when detached. */
export interface Head {
  /** Full ref name, null when detached. */
  readonly branch: string | null;
  /** Null on a branch without commits. */
  readonly oid: string | null;
}

const OID = /^[0-9a-f]{40}$/;
/** Git's own limit on symbolic refs that lead to symbolic refs. */
const MAX_SYMBOLIC = 5;
const ZERO_OID: string = '0'.repeat(40);

/**
 * The bytes of HEAD; what git's old form of it, a symbolic link into `refs/`, says in the form of
 * today.
 */
export function readHeadBytes({ gitDir }: Repository): Buffer | null {
  const file = path.join(gitDir, 'HEAD');
  if (fs.lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return readIfThere(file);
  const target = fs.readlinkSync(file);
  return Buffer.from(target.startsWith('refs/') ? `ref: ${target}\n` : '');
}

export function readHead(repo: Repository): Head {
  const bytes = readHeadBytes(repo);
  if (bytes === null || bytes.length > MAX_LOOSE_BYTES) throw invalidRef('HEAD', repo);
  const text = bytes.toString('utf8');
  const branch = symbolicTarget(text);
  if (branch !== null) {
    if (!isRefName(branch)) throw invalidRef('HEAD', repo);
    return { branch, oid: readRef(repo, branch) };
  }
  const oid = oidIn(text);
  if (oid === null) throw invalidRef('HEAD', repo);
  return { branch: null, oid };
}

/** The object id a ref holds, following symbolic refs; null where there is no such ref. */
export function readRef(repo: Repository, name: string, depth = 0): string | null {
  const text = readLoose(repo, name);
  if (text === null) return packedRefs(repo).get(name) ?? null;
  const target = symbolicTarget(text);
  if (target !== null && depth < MAX_SYMBOLIC && isRefName(target)) return readRef(repo, target, depth + 1);
  const oid = target === null ? oidIn(text) : null;
  if (oid === null) throw invalidRef(name, repo);
  return oid;
}

/** What a symbolic ref leads to; null where it is none. */
function symbolicTarget(text: string): string | null {
  return /^ref:[ \t\r\n]*(.*?)[ \t\r\n]*$/s.exec(text)?.[1] ?? null;
}

/**
 * The object that a ref names: git looks at nothing behind the white space that follows the name.
 */
function oidIn(text: string): string | null {
  return /^([0-9a-f]{40})(?:\s|$)/i.exec(text)?.[1]?.toLowerCase() ?? null;
}

/**
 * The names through which a symbolic ref leads to its object, beginning with `name` itself. For
 * nearly every branch that is its own name alone.
 */
export function symbolicChain(repo: Repository, name: string): string[] {
  const chain = [name];
  while (chain.length <= MAX_SYMBOLIC) {
    const target = symbolicTarget(readLoose(repo, chain.at(-1)!) ?? '');
    if (target === null || !isRefName(target)) break;
    chain.push(target);
  }
  return chain;
}

/** Makes `name` a symbolic ref to `target`, durably. */
export function updateSymbolicRef(repo: Repository, name: string, target: string): void {
  const file = refFile(repo, name);
  const bytes = Buffer.from(`ref: ${target}\n`);
  updateUnderGitLock(
    file,
    () => {
      removeEmptyDirectories(file);
      return bytes;
    },
    sharingOf(repo),
  );
}

/** No ref is longer: a name has up to 4 096 bytes. */
const MAX_LOOSE_BYTES = 8192;

function readLoose(repo: Repository, name: string): string | null {
  const file = refFile(repo, name);
  try {
    const stat = fs.lstatSync(file, { throwIfNoEntry: false });
    return stat?.isFile() ? readTextIfThere(file, MAX_LOOSE_BYTES) : null;
  } catch (error) {
    // A ref has the name of the directory that this one would be in; or the name is longer than any
    // file's.
    if (codeOf(error) === 'ENOTDIR' || codeOf(error) === 'ENAMETOOLONG') return null;
    if (codeOf(error) === 'DEVS_FILE_TOO_LARGE') throw invalidRef(name, repo);
    throw error;
  }
}

/**
 * Branches and snapshots are shared between linked work trees.
 * @throws AtomicSnapshotError `DEVS_REF_INVALID` for a name that is none: as a path it could lead
 * anywhere.
 */
export function refFile(repo: Repository, name: string): string {
  if (!isRefName(name)) throw invalidRef(name, repo);
  return path.join(repo.commonDir, name);
}

function invalidRef(name: string, repo: Repository): AtomicSnapshotError {
  return new AtomicSnapshotError('DEVS_REF_INVALID', `${name} in ${repo.commonDir} is not a valid ref`, {
    // Without a HEAD, git finds no repository.
    hint: name === 'HEAD' ? ['devs', 'doctor'] : ['git', 'fsck'],
    data: { ref: name },
  });
}

/**
 * Names are as they are written there; one that git would refuse is refused where it is used as a
 * path.
 */
export function packedRefs(repo: Repository): Map<string, string> {
  const refs = new Map<string, string>();
  for (const line of (readTextIfThere(path.join(repo.commonDir, 'packed-refs')) ?? '').split('\n')) {
    const match = /^([0-9a-f]{40}) (\S.*)$/.exec(line);
    if (match !== null) refs.set(match[2]!, match[1]!);
  }
  return refs;
}

/**
 * Sets a ref, durably, if it still holds `expected` (null: does not exist).
 * @throws AtomicSnapshotError `DEVS_REF_MOVED` when it holds something else, `DEVS_GIT_LOCKED`.
 */
export function updateRef(repo: Repository, name: string, oid: string, expected: string | null): void {
  updateUnderGitLock(
    refFile(repo, name),
    () => {
      assertRef(repo, name, expected);
      removeEmptyDirectories(refFile(repo, name));
      return Buffer.from(`${oid}\n`);
    },
    sharingOf(repo),
  );
}

/**
 * Directories without a ref, which git leaves behind and removes where a ref is to have their name.
 */
function removeEmptyDirectories(dir: string): void {
  let entries: fs.Dirent[];
  try {
    // Opened, and so proven to be reached through no link: what lies behind one is none of the
    // repository's.
    using opened = RealDirectory.open(dir);
    entries = opened?.entries() ?? [];
    if (opened === null) return;
  } catch (error) {
    if (codeOf(error) === 'DEVS_NOT_A_DIRECTORY') return;
    throw error;
  }
  for (const entry of entries) if (entry.isDirectory()) removeEmptyDirectories(path.join(dir, entry.name));
  try {
    fs.rmdirSync(dir);
  } catch (error) {
    if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error;
  }
}

/** Deletes a ref if it still holds `expected`, from the packed refs too. */
export function deleteRef(repo: Repository, name: string, expected: string): void {
  const packed = path.join(repo.commonDir, 'packed-refs');
  const sharing = sharingOf(repo);
  updateUnderGitLock(
    refFile(repo, name),
    () => {
      assertRef(repo, name, expected);
      // Packed first: a crash in between leaves the loose ref, and with it the snapshot, whole.
      if (packedRefs(repo).has(name))
        updateUnderGitLock(packed, () => packedRefsWithout(readIfThere(packed)!, name), sharing);
      removeIfThere(refFile(repo, name));
      return null;
    },
    sharing,
  );
  removeRegular(path.join(repo.commonDir, 'logs', name));
}

/** The file `packed-refs` without one of its refs. */
export function packedRefsWithout(packed: Buffer, name: string): Buffer {
  const lines = packed.toString('latin1').split('\n');
  const at = lines.findIndex((line) => line.slice(41) === name && OID.test(line.slice(0, 40)));
  if (at !== -1) lines.splice(at, lines[at + 1]?.startsWith('^') ? 2 : 1);
  return Buffer.from(lines.join('\n'), 'latin1');
}

/** Whether something lies where the ref should be, and names no object. */
export function isDamagedRef(repo: Repository, name: string): boolean {
  try {
    readRef(repo, name);
    return false;
  } catch (error) {
    if (codeOf(error) !== 'DEVS_REF_INVALID') throw error;
    return true;
  }
}

/** What a ref holds; null where there is none, or where it is damaged and names no commit. */
export function refOrNothing(repo: Repository, ref: string): string | null {
  try {
    return readRef(repo, ref);
  } catch (error) {
    if (codeOf(error) !== 'DEVS_REF_INVALID') throw error;
    return null;
  }
}

function assertRef(repo: Repository, name: string, expected: string | null): void {
  const current = refOrNothing(repo, name);
  if (current === expected) return;
  throw new AtomicSnapshotError(
    'DEVS_REF_MOVED',
    `${name} is at ${current ?? 'nothing'}, not at ${expected ?? 'nothing'}`,
    {
      data: { ref: name, current, expected },
    },
  );
}

/** Adds a line to a ref's log where git would. Logs of `HEAD` are the work tree's own. */
export function appendReflog(repo: Repository, name: string, from: string | null, to: string, message: string): void {
  const file = path.join(name === 'HEAD' ? repo.gitDir : repo.commonDir, 'logs', name);
  removeEmptyDirectories(file);
  if (!repo.config.bool('core.logallrefupdates', true) && !fs.existsSync(file)) return;
  const seconds = Math.floor(Date.now() / 1000);
  appendText(file, `${from ?? ZERO_OID} ${to} devs <devs@localhost> ${seconds} +0000\t${message}\n`, sharingOf(repo));
}
