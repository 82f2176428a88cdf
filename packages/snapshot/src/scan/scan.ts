import fs from 'node:fs';
import process from 'node:process';
import { type BytePath, parentOf } from '../base/byte-path.ts';
import { readOptional } from '../base/durable.ts';
import { codeOf } from '../base/errors.ts';
import type { HeldDirectories } from '../base/held-directories.ts';
import { openOwn } from '../base/open-own.ts';
import { nameProblem } from '../base/path-rules.ts';
import { type GitIndex, statMatches, viewOf } from '../git/index-file.ts';
import { isRepositoryInside } from '../git/nested-repository.ts';
import type { Repository } from '../git/repository.ts';
import { GITLINK } from '../objects/trees.ts';
import type { ByteProofs } from './byte-proofs.ts';
import { ConversionRules } from './conversion-rules.ts';
import { IgnoreRules, includedPatterns, type OutsideIgnores } from './ignore-rules.ts';
import { readDirectory, statIfThere } from './look.ts';
import { lastMatch, type PatternFile } from './patterns.ts';
import { PermissionTable } from './permissions.ts';
import { NOT_PROVEN, PROVEN_FILE, PROVEN_LINK } from './stat-helper.ts';
import { type FilesOfDirectory, isEmpty, type Range, type TrackedFiles } from './tracked-files.ts';
import type { UnreadableFiles } from './unreadable.ts';

/** A file whose content must be read: its stat does not prove that it is what the index holds. */
export interface Candidate {
  readonly path: BytePath;
  readonly stat: fs.Stats;
}

/** A candidate that is tracked. */
export interface Suspect extends Candidate {
  readonly position: number;
}

export interface Skipped {
  readonly path: BytePath;
  readonly reason:
    | 'nested repository'
    | 'submodule'
    | 'fifo'
    | 'socket'
    | 'device'
    | 'unsafe name'
    | 'unreadable'
    | 'not a regular file';
}

export interface Scan {
  /** Tracked files that may differ from the index. */
  readonly suspects: Suspect[];
  /** Tracked files whose stat is the index's, and whose bytes may still not be the blob's. */
  readonly unproven: Suspect[];
  /** Positions of tracked files that are on disk, 1 each. */
  readonly present: Uint8Array;
  readonly untracked: Candidate[];
  readonly emptyDirectories: BytePath[];
  readonly skipped: Skipped[];
  /** The `.gitignore` of each directory that has one. */
  readonly gitignores: Map<BytePath, Buffer>;
  readonly permissions: PermissionTable;
  /** What converts a file without changing its size. */
  readonly conversions: ConversionRules;
}

/** What an earlier snapshot asks of a later one. */
export interface OtherRules {
  readonly ignores: (path: BytePath, isDirectory: boolean) => boolean;
  /** Whether the earlier snapshot looked at what is in this directory. */
  readonly sawInside: (dir: BytePath) => boolean;
}

export interface ScanInput {
  readonly repo: Repository;
  readonly index: GitIndex;
  readonly tracked: TrackedFiles;
  readonly ignores: OutsideIgnores;
  /** Patterns of ignored files to capture all the same. */
  readonly includeIgnored: readonly string[];
  /** Other rules, of another time: what they do not ignore is captured, too. */
  readonly otherRules: OtherRules | null;
  /** For which entries the file's bytes are known to be the blob's. */
  readonly byteProofs: Pick<ByteProofs, 'isProven'>;
  /** The directories that the scan and the capture after it agree on. */
  readonly tree: HeldDirectories;
  /** What another thread has proven of the tracked files so far; see stat-helper.ts. */
  readonly proofs: Uint16Array | null;
  /** Told how many tracked files were seen, at the start and after every thousand. */
  readonly onSeen: (count: number) => void;
  readonly unreadable: UnreadableFiles;
}

const REPORT_EVERY = 1_000;

/** Files of devs itself, at the top of a work tree. */
const OWN_STATE = /^\.devs(?:-state\.lock|\.db)/;

/**
 * Looks at every file of the work tree once. Synchronous on purpose: promises cost more than the
 * calls themselves. Directories are walked, never reached through a path, so that a symbolic link
 * cannot lead outside. No descriptor is opened for them, which would double what a file costs; that
 * each still is where it was found is looked at afterwards.
 * @throws AtomicSnapshotError `DEVS_DIRECTORY_MOVED`, `DEVS_UNREADABLE`
 */
export function scanWorkTree(input: ScanInput): Scan {
  return new Scanner(input).run();
}

/** What holds in a directory. */
interface Within {
  readonly rules: IgnoreRules;
  /** A parent directory, or this one, is ignored. */
  readonly ignored: boolean;
  /** It is a repository of its own, whose files are its own business. */
  readonly nested: boolean;
  /** The tracked files below it, and those directly in it. */
  readonly below: Range;
  readonly files: FilesOfDirectory;
}

class Scanner {
  readonly #input: ScanInput;
  readonly #included: readonly PatternFile[];
  readonly #ignoreCase: boolean;
  readonly #table: DataView;
  readonly #result: Scan;
  #seen = 0;

  constructor(input: ScanInput) {
    this.#input = input;
    this.#table = viewOf(input.index.table);
    this.#ignoreCase = input.repo.config.bool('core.ignorecase', false);
    this.#included = includedPatterns(input.includeIgnored, this.#ignoreCase);
    this.#result = {
      suspects: [],
      unproven: [],
      present: new Uint8Array(input.tracked.entries.length),
      untracked: [],
      emptyDirectories: [],
      skipped: [],
      gitignores: new Map(),
      permissions: new PermissionTable(),
      conversions: new ConversionRules(input.repo),
    };
  }

  run(): Scan {
    this.#input.onSeen(0);
    const { tracked, ignores } = this.#input;
    this.#walk('', tracked.below(''), IgnoreRules.outside(ignores, this.#ignoreCase), false);
    return this.#result;
  }

  #walk(dir: BytePath, below: Range, outer: IgnoreRules, ignored: boolean): void {
    const entries = this.#entriesOf(dir);
    if (entries === null) return;
    if (entries.length === 0 && dir !== '' && !this.#isIgnoredDirectory(dir, outer, ignored)) {
      this.#result.emptyDirectories.push(dir);
    }
    let rules = outer;
    let nested = false;
    for (const entry of entries) {
      if (entry.name === '.git' && dir !== '') nested = this.#visitDotGit(dir, below);
      // Git follows no symbolic link to either file.
      if (!entry.isFile() || (entry.name !== '.gitignore' && entry.name !== '.gitattributes')) continue;
      // Reached through no link, so that nothing outside the work tree becomes a part of the
      // snapshot.
      const bytes = this.#readInside(join(dir, entry.name));
      if (bytes === null) continue;
      if (entry.name === '.gitattributes') this.#result.conversions.add(dir, bytes);
      else {
        this.#result.gitignores.set(dir, bytes);
        rules = outer.within(dir, bytes);
      }
    }
    const files = this.#input.tracked.directlyIn(dir, below);
    const within = { rules, ignored, nested, below, files };
    for (const entry of entries) this.#visit(dir, entry, files.position(entry.name), within);
  }

  /**
   * Whether `dir`, which has a `.git`, is a repository whose files are left out. As for git, they
   * are not where a file in it is tracked; nor where an earlier snapshot knew them, so that a task
   * can take no file away from it by `git init`.
   */
  #visitDotGit(dir: BytePath, below: Range): boolean {
    const { repo, otherRules } = this.#input;
    if (!this.#input.tree.in(dir, (self) => isRepositoryInside(String(self), repo.environment))) {
      this.#result.skipped.push({ path: `${dir}/.git`, reason: 'unsafe name' });
      return false;
    }
    this.#result.skipped.push({ path: dir, reason: 'nested repository' });
    return isEmpty(below) && otherRules?.sawInside(dir) !== true;
  }

  #visit(dir: BytePath, entry: fs.Dirent, position: number | undefined, within: Within): void {
    if (dir === '' && (entry.name === '.git' || OWN_STATE.test(entry.name))) return;
    const { tracked } = this.#input;
    // Nearly all: in few steps, and by the path that is there already.
    if (position !== undefined && !entry.isDirectory()) {
      this.#visitTracked(tracked.entries[position]!.path, position);
      return;
    }
    const path = join(dir, entry.name);
    if (nameProblem(entry.name) !== null) {
      // No tree may hold it, so that git itself could not add it. A `.git` was looked at above.
      if (entry.name !== '.git' && !this.#isLeftOut(path, within))
        this.#result.skipped.push({ path, reason: 'unsafe name' });
      return;
    }
    if (entry.isDirectory()) {
      const isGitlink = position !== undefined && tracked.entries[position]!.mode === GITLINK;
      if (isGitlink) this.#result.present[position] = 1;
      if (isGitlink && this.#isRepository(path)) this.#result.skipped.push({ path, reason: 'submodule' });
      else this.#visitDirectory(path, within);
    } else if (!within.nested && !this.#isLeftOut(path, within)) this.#visitUntracked(path, entry);
  }

  /**
   * A submodule that is not initialised is a directory like any other: nothing else has its files.
   */
  #isRepository(dir: BytePath): boolean {
    const { environment } = this.#input.repo;
    return (
      this.#input.tree.isDirectory(dir) &&
      this.#input.tree.in(dir, (self) => isRepositoryInside(String(self), environment))
    );
  }

  #visitDirectory(path: BytePath, { rules, ignored, nested, below: around, files }: Within): void {
    const below = this.#input.tracked.below(path, around, files.passed);
    const hasTracked = !isEmpty(below);
    if (nested && !hasTracked) return;
    const leftOut = this.#isIgnoredDirectory(path, rules, ignored);
    if (leftOut && !hasTracked && this.#included.length === 0) return;
    const before = this.#stat(path);
    if (before === null) return;
    if (!before.isDirectory()) throw this.#input.tree.moved(path);
    if (!leftOut || hasTracked) this.#permissions('directory', path, before);
    const ignoresAll = (ignored || rules.ignores(path, true)) && lastMatch(this.#included, path, true) !== true;
    const [found, seen] = [this.#found(), this.#seen];
    this.#walk(path, below, rules, ignoresAll);
    // An ignored directory matters where it holds a file that is included.
    if (leftOut && !hasTracked && this.#found() !== found) this.#permissions('directory', path, before);
    // What the index's own stat data proves is where it should be. All else is believed only of
    // this directory.
    if (this.#found() !== found || this.#seen - seen !== below.end - below.start) this.#assertIs(path, before);
  }

  /** How much was found that is more than a proven file. */
  #found(): number {
    const { suspects, untracked, emptyDirectories, skipped, gitignores } = this.#result;
    return suspects.length + untracked.length + emptyDirectories.length + skipped.length + gitignores.size;
  }

  /**
   * Files are looked at by their paths: a directory that was swapped for a link meanwhile led
   * elsewhere.
   */
  #assertIs(path: BytePath, before: fs.Stats): void {
    const now = this.#stat(path);
    if (now !== null && (now.ino !== before.ino || now.dev !== before.dev)) throw this.#input.tree.moved(path);
  }

  #readInside(path: BytePath): Buffer | null {
    try {
      return this.#input.tree.at(path, readOptional);
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
      if (codeOf(error) !== 'EACCES') throw error;
      return this.#readUnreadable(path, error);
    }
  }

  #readUnreadable(path: BytePath, error: unknown): Buffer | null {
    if (this.#input.unreadable.mayWiden && this.#stat(path)?.uid === process.geteuid?.()) {
      const fd = this.#input.tree.at(path, openOwn);
      try {
        return fs.readFileSync(fd);
      } finally {
        fs.closeSync(fd);
      }
    }
    this.#input.unreadable.note(path, error);
    return null;
  }

  /** Null for a directory that cannot be read. */
  #entriesOf(dir: BytePath): fs.Dirent[] | null {
    const { repo, unreadable } = this.#input;
    try {
      return readDirectory(repo.root, dir);
    } catch (error) {
      if (unreadable.widen(dir, error)) return readDirectory(repo.root, dir);
      this.#skipUnreadable(dir, error);
      return null;
    }
  }

  #skipUnreadable(path: BytePath, error: unknown): void {
    this.#input.unreadable.note(path, error);
    this.#result.skipped.push({ path, reason: 'unreadable' });
  }

  #visitTracked(path: BytePath, position: number): void {
    const { index, tracked, proofs, byteProofs } = this.#input;
    if (++this.#seen % REPORT_EVERY === 0) this.#input.onSeen(this.#seen);
    const proof = proofs?.[position] ?? 0;
    if (proof & (PROVEN_FILE | PROVEN_LINK) && byteProofs.isProven(position)) {
      this.#result.present[position] = 1;
      if (proof & PROVEN_FILE) this.#result.permissions.add('file', path, proof);
      return;
    }
    if (proofs !== null) proofs[position] = NOT_PROVEN;
    const stat = this.#stat(path);
    if (stat === null) return;
    if (!stat.isFile() && !stat.isSymbolicLink()) {
      this.#result.skipped.push({ path, reason: kindOf(stat) });
      return;
    }
    const entry = tracked.entries[position]!;
    this.#result.present[position] = 1;
    if (stat.isFile()) this.#permissions('file', path, stat);
    if (!statMatches(this.#table, entry.offset, index.mtimeMs, stat)) {
      this.#result.suspects.push({ path, stat, position });
    } else if (!byteProofs.isProven(position)) this.#result.unproven.push({ path, stat, position });
  }

  #visitUntracked(path: BytePath, entry: fs.Dirent): void {
    if (!entry.isFile() && !entry.isSymbolicLink()) {
      this.#result.skipped.push({ path, reason: kindOf(entry) });
      return;
    }
    const stat = this.#stat(path);
    if (stat === null) return;
    if (stat.isFile()) this.#permissions('file', path, stat);
    this.#result.untracked.push({ path, stat });
  }

  #isLeftOut(path: BytePath, { rules, ignored }: Within): boolean {
    return this.#isIgnored(path, false, rules, ignored) && lastMatch(this.#included, path, false) !== true;
  }

  #isIgnoredDirectory(dir: BytePath, rules: IgnoreRules, ignored: boolean): boolean {
    return this.#isIgnored(dir, true, rules, ignored) && lastMatch(this.#included, dir, true) !== true;
  }

  /** `ignored`: a parent directory is. */
  #isIgnored(path: BytePath, isDirectory: boolean, rules: IgnoreRules, ignored: boolean): boolean {
    const { otherRules } = this.#input;
    return (ignored || rules.ignores(path, isDirectory)) && (otherRules?.ignores(path, isDirectory) ?? true);
  }

  #permissions(kind: 'file' | 'directory', path: BytePath, stat: fs.Stats | null): void {
    if (stat !== null) this.#result.permissions.add(kind, path, stat.mode);
  }

  #stat(path: BytePath): fs.Stats | null {
    try {
      return statIfThere(this.#input.repo.root, path);
    } catch (error) {
      if (!UNREADABLE.has(codeOf(error))) throw error;
      if (this.#input.unreadable.widen(parentOf(path), error)) return statIfThere(this.#input.repo.root, path);
      this.#skipUnreadable(path, error);
      return null;
    }
  }
}

function join(dir: BytePath, name: string): BytePath {
  return dir === '' ? name : `${dir}/${name}`;
}

/**
 * What the system says of a name in a directory that may not be searched, or that is too long to be
 * reached.
 */
const UNREADABLE: ReadonlySet<string> = new Set(['EACCES', 'ENAMETOOLONG']);

function kindOf(entry: fs.Dirent | fs.Stats): Skipped['reason'] {
  return entry.isFIFO() ? 'fifo' : entry.isSocket() ? 'socket' : 'device';
}
