import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { BytePath } from '../base/byte-path.ts';
import { readRegularFile } from '../base/regular-file.ts';
import { userFile } from '../git/environment.ts';
import type { Repository } from '../git/repository.ts';
import { lastMatch, type PatternFile, parseIgnoreFile } from './patterns.ts';

/** The two ignore files that are no part of the work tree, as bytes. Either may be absent. */
export interface OutsideIgnores {
  /** `core.excludesFile`, or git's default for it. */
  readonly global: Buffer | null;
  /**
   * The repository's own configuration named it, and it lies elsewhere: it may be any file of the
   * user's.
   */
  readonly isGlobalForeign?: boolean;
  /** `info/exclude` of the common directory. */
  readonly info: Buffer | null;
}

export function readOutsideIgnores(repo: Repository): OutsideIgnores {
  const named = repo.config.path('core.excludesfile') ?? userFile(repo.environment, 'ignore');
  const file = named === null ? null : path.resolve(repo.root, named);
  const global = file === null ? null : readPatterns(file);
  return {
    global,
    isGlobalForeign: global !== null && isForeign(repo, file!),
    // Git follows a link here. devs does not: what it points to would become a part of every
    // snapshot.
    info: readPatterns(path.join(repo.commonDir, 'info/exclude'), true),
  };
}

/**
 * Whether only the repository itself says that `file` is to be read, although it is none of its
 * own.
 */
function isForeign({ config, root, commonDir }: Repository, file: string): boolean {
  const scope = config.scopeOf('core.excludesfile');
  if (scope !== 'local' && scope !== 'worktree') return false;
  const real = fs.realpathSync(file);
  return ![root, commonDir].some((dir) => real.startsWith(`${dir}${path.sep}`));
}

/** SHA-256 in hexadecimal digits: what a snapshot holds of a file that it may not hold. */
export function digestOf(bytes: Buffer): Buffer {
  return Buffer.from(createHash('sha256').update(bytes).digest('hex'));
}

/** Git ignores pattern files that are larger (dir.c, PATTERN_MAX_FILE_SIZE). */
const LIMIT = 100 * 1024 * 1024;

function readPatterns(file: string, noFollow = false): Buffer | null {
  return readRegularFile(file, { limit: LIMIT, code: 'DEVS_PATTERN_FILE_INVALID', noFollow });
}

/**
 * The rules in force in one directory: its own `.gitignore` over its parents' over the outside
 * files.
 */
export class IgnoreRules {
  readonly #files: readonly PatternFile[];
  readonly #ignoreCase: boolean;

  private constructor(files: readonly PatternFile[], ignoreCase: boolean) {
    this.#files = files;
    this.#ignoreCase = ignoreCase;
  }

  static outside({ global, info }: OutsideIgnores, ignoreCase: boolean): IgnoreRules {
    const files = [global, info].filter((bytes) => bytes !== null);
    return new IgnoreRules(
      files.map((bytes) => parseIgnoreFile(bytes, '', ignoreCase)),
      ignoreCase,
    );
  }

  /** With the `.gitignore` of `dir` ('' for the top). */
  within(dir: BytePath, gitignore: Buffer | null): IgnoreRules {
    if (gitignore === null) return this;
    const file = parseIgnoreFile(gitignore, dir === '' ? '' : `${dir}/`, this.#ignoreCase);
    return new IgnoreRules([...this.#files, file], this.#ignoreCase);
  }

  /** Whether `path` is ignored, given that none of its parent directories is. */
  ignores(path: BytePath, isDirectory: boolean): boolean {
    return lastMatch(this.#files, path, isDirectory) === true;
  }
}

/**
 * The patterns of ignored files to capture all the same, as `.gitignore` at the top would have
 * them.
 */
export function includedPatterns(globs: readonly string[], ignoreCase: boolean): PatternFile[] {
  return globs.length === 0 ? [] : [parseIgnoreFile(Buffer.from(globs.join('\n')), '', ignoreCase)];
}

/** Ignore rules of a whole tree whose `.gitignore` files come from anywhere: asked path by path. */
export class TreeIgnoreRules {
  readonly #byDir = new Map<BytePath, { rules: IgnoreRules; ignored: boolean }>();
  readonly #gitignoreOf: (dir: BytePath) => Buffer | null;
  readonly #included: readonly PatternFile[];

  /** `included`: patterns of ignored files that are captured all the same. */
  constructor(
    outside: OutsideIgnores,
    ignoreCase: boolean,
    gitignoreOf: (dir: BytePath) => Buffer | null,
    included: readonly PatternFile[] = [],
  ) {
    this.#gitignoreOf = gitignoreOf;
    this.#included = included;
    const rules = IgnoreRules.outside(outside, ignoreCase).within('', gitignoreOf(''));
    this.#byDir.set('', { rules, ignored: false });
  }

  ignores(path: BytePath, isDirectory: boolean): boolean {
    const { rules, ignored } = this.#within(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
    return (ignored || rules.ignores(path, isDirectory)) && !this.#includes(path, isDirectory);
  }

  #includes(path: BytePath, isDirectory: boolean): boolean {
    return lastMatch(this.#included, path, isDirectory) === true;
  }

  #within(dir: BytePath): { rules: IgnoreRules; ignored: boolean } {
    const known = this.#byDir.get(dir);
    if (known !== undefined) return known;
    const parent = this.#within(dir.slice(0, Math.max(0, dir.lastIndexOf('/'))));
    const ignored = (parent.ignored || parent.rules.ignores(dir, true)) && !this.#includes(dir, true);
    const here = { rules: ignored ? parent.rules : parent.rules.within(dir, this.#gitignoreOf(dir)), ignored };
    this.#byDir.set(dir, here);
    return here;
  }
}
