import path from 'node:path';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';
import { readRegularFile } from '../base/regular-file.ts';
import { type ConfigScope, GitConfig } from './config.ts';
import { commandConfig } from './config-command.ts';
import { type ConditionContext, conditionHolds } from './config-conditions.ts';
import { type Assignment, ConfigSyntaxError, parseConfig } from './config-syntax.ts';
import { expandUserPath, type GitEnvironment, userFile } from './environment.ts';

/** The most bytes that all files may have together. Git has no limit but that of its integers. */
const LIMIT = 64 * 1024 * 1024;
/**
 * The most files that are read. Ten levels of includes could otherwise name each other for ever.
 */
const FILES = 10_000;
/** Git's own limit on includes within includes. */
const DEPTH = 10;

/** The repository whose configuration is asked for. */
export interface ConfigPlace {
  readonly gitDir: string;
  readonly commonDir: string;
}

/**
 * Reads all configuration that is in force, in git's order: system, user, repository, work tree,
 * environment.
 * @throws AtomicSnapshotError `DEVS_CONFIG_INVALID`, with file and line, where git refuses.
 */
export function readConfig(place: ConfigPlace, environment: GitEnvironment): GitConfig {
  return new ConfigReader(environment, place).readAll();
}

/**
 * What the system, the user and the environment say, and no repository can. Conditions that ask
 * about the repository do not hold: git reads its protected configuration before it believes in
 * one.
 */
export function readTrustedConfig(environment: GitEnvironment): GitConfig {
  return new ConfigReader(environment, null).readAll();
}

/**
 * What one file of the repository says, without its includes: how git reads what decides whether it
 * is a repository.
 */
export function readConfigFile(file: string, environment: GitEnvironment): GitConfig {
  const config = new GitConfig(environment);
  const bytes = readBytes(file, LIMIT);
  if (bytes === null) return config;
  for (const { key, value } of assignmentsIn(bytes, file)) config.add({ key, value, scope: 'local' });
  return config;
}

class ConfigReader {
  readonly #environment: GitEnvironment;
  readonly #place: ConfigPlace | null;
  readonly #config: GitConfig;
  readonly #context: ConditionContext;
  /**
   * Where all remotes are collected for `hasconfig:`, every condition of that kind is taken to
   * hold.
   */
  readonly #isCollecting: boolean;
  #urls: readonly string[] | undefined;
  #bytes = 0;
  #files = 0;

  constructor(environment: GitEnvironment, place: ConfigPlace | null, isCollecting = false) {
    this.#environment = environment;
    this.#place = place;
    this.#isCollecting = isCollecting;
    this.#config = new GitConfig(environment);
    const remoteUrls = () => (isCollecting ? null : this.#remoteUrls());
    this.#context = { environment, gitDir: place?.gitDir ?? null, commonDir: place?.commonDir ?? null, remoteUrls };
  }

  readAll(): GitConfig {
    const { systemConfig, globalConfig, home } = this.#environment;
    if (systemConfig !== null) this.#readFile(systemConfig, 'system', 0);
    if (globalConfig !== null) this.#readFile(globalConfig, 'global', 0);
    else {
      const xdg = userFile(this.#environment, 'config');
      if (xdg !== null) this.#readFile(xdg, 'global', 0);
      if (home !== null) this.#readFile(path.join(home, '.gitconfig'), 'global', 0);
    }
    if (this.#place !== null) {
      const { commonDir, gitDir } = this.#place;
      const file = path.join(commonDir, 'config');
      this.#readFile(file, 'local', 0);
      if (this.#config.bool('extensions.worktreeconfig', false) && this.#saysWorktreeConfig(file)) {
        this.#readFile(path.join(gitDir, 'config.worktree'), 'worktree', 0);
      }
    }
    const origin = { file: null, scope: 'command' as const, depth: 0 };
    for (const assignment of commandConfig(this.#environment)) this.#take(assignment, origin);
    return this.#config;
  }

  /** Only the repository's own file can turn `config.worktree` on. */
  #saysWorktreeConfig(file: string): boolean {
    return readConfigFile(file, this.#environment).bool('extensions.worktreeconfig', false);
  }

  #readFile(file: string, scope: ConfigScope, depth: number): void {
    if (file === '') return;
    for (const assignment of this.#assignmentsOf(file, scope, depth)) this.#take(assignment, { file, scope, depth });
  }

  /** None where there is no such file. */
  #assignmentsOf(file: string, scope: ConfigScope, depth: number): Iterable<Assignment> {
    let bytes: Buffer | null;
    try {
      bytes = readBytes(file, LIMIT - this.#bytes);
    } catch (error) {
      // Git goes on without a file of the user's that it may not read: sudo and su leave such ones
      // in the way.
      if (codeOf(error) === 'EACCES' && scope === 'global' && depth === 0) return [];
      throw error;
    }
    if (bytes === null) return [];
    if (depth > DEPTH) throw invalid(file, `is included through more than ${DEPTH} files; it may include itself`);
    if (++this.#files > FILES) throw invalid(file, `is one of more than ${FILES} files that are included`);
    this.#bytes += bytes.length;
    return assignmentsIn(bytes, file);
  }

  #take({ key, value }: Assignment, origin: Origin): void {
    const { file, scope, depth } = origin;
    // Git gives the include out, too, as a value like any other.
    if (this.#isCollecting && origin.isConditional && /^remote\..*\.url$/s.test(key)) {
      throw invalid(file, 'sets the URL of a remote, and is included only where a remote has a certain URL');
    }
    this.#config.add({ key, value, scope });
    const condition = /^includeif\.(.*)\.path$/s.exec(key)?.[1];
    if (key !== 'include.path' && condition === undefined) return;
    if (condition !== undefined && !conditionHolds(condition, file, this.#context)) return;
    const included = this.#includedFile(value, file);
    if (included === null) return;
    const isConditional = origin.isConditional === true || condition !== undefined;
    const inner = { file: included, scope, depth: depth + 1, isConditional };
    for (const assignment of this.#assignmentsOf(included, scope, depth + 1)) this.#take(assignment, inner);
  }

  #includedFile(value: string | null, from: string | null): string | null {
    if (value === null) throw invalid(from, 'has an include without a path');
    // Stands for the directory that git is installed in, which only git knows.
    if (value.startsWith('%(prefix)/')) return null;
    const file = expandUserPath(value, this.#environment);
    if (file === null) throw invalid(from, `includes ${value}, and there is no such home directory`);
    if (path.isAbsolute(file)) return file;
    if (from === null) throw invalid(from, `includes ${value}, which is relative to no file`);
    return path.join(path.dirname(from), file);
  }

  /** The URLs of all remotes, whatever the conditions on URLs say. */
  #remoteUrls(): readonly string[] {
    if (this.#urls === undefined) {
      const all = new ConfigReader(this.#environment, this.#place, true).readAll().entries();
      this.#urls = all.flatMap(({ key, value }) => (/^remote\..*\.url$/s.test(key) ? [value ?? ''] : []));
    }
    return this.#urls;
  }
}

interface Origin {
  /** Null for the environment. */
  readonly file: string | null;
  readonly scope: ConfigScope;
  readonly depth: number;
  /** A condition led to it. */
  readonly isConditional?: boolean;
}

function readBytes(file: string, limit: number): Buffer | null {
  try {
    return readRegularFile(file, { limit, code: 'DEVS_CONFIG_INVALID' });
  } catch (error) {
    // Those of the system that no permission mends: a circle of links, a name that is too long.
    if (codeOf(error) === 'ELOOP' || codeOf(error) === 'ENAMETOOLONG') {
      throw invalid(file, `cannot be read: ${codeOf(error)}`);
    }
    throw error;
  }
}

function* assignmentsIn(bytes: Buffer, file: string): Generator<Assignment> {
  try {
    yield* parseConfig(bytes.toString('utf8'));
  } catch (error) {
    if (!(error instanceof ConfigSyntaxError)) throw error;
    throw new AtomicSnapshotError('DEVS_CONFIG_INVALID', `line ${error.line} of ${file} is no git configuration`, {
      hint: ['git', 'config', '--list', '--file', file],
      data: { path: file, line: error.line },
    });
  }
}

function invalid(file: string | null, what: string): AtomicSnapshotError {
  return new AtomicSnapshotError(
    'DEVS_CONFIG_INVALID',
    `${file ?? 'the git configuration in the environment'} ${what}`,
    {
      hint: ['git', 'config', '--list', '--show-origin'],
      data: { path: file },
    },
  );
}
