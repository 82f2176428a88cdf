import { AtomicSnapshotError } from '../base/errors.ts';
import { expandUserPath, type GitEnvironment } from './environment.ts';

/** Where a value comes from; `command` is the environment (`git -c`, `GIT_CONFIG_COUNT`). */
export type ConfigScope = 'system' | 'global' | 'local' | 'worktree' | 'command';

export interface ConfigValue {
  /** Null where the key stands alone: true as a boolean. */
  readonly value: string | null;
  readonly scope: ConfigScope;
}

export interface ConfigEntry extends ConfigValue {
  readonly key: string;
}

/**
 * What the repository itself cannot say: git's own "protected configuration" (git-config(1),
 * SCOPES).
 */
const TRUSTED: ReadonlySet<ConfigScope> = new Set(['system', 'global', 'command']);

/**
 * Git configuration values by `section.key` or `section.subsection.key`; section and key in lower
 * case.
 */
export class GitConfig {
  readonly #values = new Map<string, ConfigValue[]>();
  readonly #entries: ConfigEntry[] = [];
  readonly #environment: GitEnvironment;

  /** `environment`: whose home directory `~/` means. */
  constructor(environment: GitEnvironment) {
    this.#environment = environment;
  }

  add(entry: ConfigEntry): void {
    this.#entries.push(entry);
    const all = this.#values.get(entry.key);
    if (all === undefined) this.#values.set(entry.key, [entry]);
    else all.push(entry);
  }

  /** Every value, in git's order. */
  entries(): readonly ConfigEntry[] {
    return this.#entries;
  }

  keys(): Iterable<string> {
    return this.#values.keys();
  }

  /**
   * The value in force. @throws AtomicSnapshotError `DEVS_CONFIG_INVALID` where its key stands
   * alone.
   */
  get(key: string): string | undefined {
    return textOf(key, this.#values.get(key)?.at(-1));
  }

  /**
   * As `get`, of the values that the user or the system set, so that a cloned repository has no
   * say.
   */
  trusted(key: string): string | undefined {
    return textOf(key, this.#trustedValues(key).at(-1));
  }

  /** All values of a key, in git's order; an empty string where the key stands alone. */
  all(key: string): readonly string[] {
    return (this.#values.get(key) ?? []).map(({ value }) => value ?? '');
  }

  /** As `all`, of the values that the user or the system set. */
  allTrusted(key: string): readonly string[] {
    return this.#trustedValues(key).map(({ value }) => value ?? '');
  }

  /** Where the value in force comes from. */
  scopeOf(key: string): ConfigScope | undefined {
    return this.#values.get(key)?.at(-1)?.scope;
  }

  /**
   * Git's booleans. @throws AtomicSnapshotError `DEVS_CONFIG_INVALID` where it is none: git
   * refuses, too.
   */
  bool(key: string, fallback: boolean): boolean {
    const found = this.#values.get(key)?.at(-1);
    if (found === undefined) return fallback;
    const value = parseBool(found.value);
    if (value === null) throw invalid(key, `is '${found.value}', which is no boolean`);
    return value;
  }

  /** A value that is a path: `~/` and `~user/` mean home directories. */
  path(key: string): string | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : expanded(key, value, this.#environment);
  }

  #trustedValues(key: string): ConfigValue[] {
    return (this.#values.get(key) ?? []).filter(({ scope }) => TRUSTED.has(scope));
  }
}

function textOf(key: string, found: ConfigValue | undefined): string | undefined {
  if (found?.value === null) throw invalid(key, 'has no value');
  return found?.value;
}

function expanded(key: string, value: string, environment: GitEnvironment): string {
  const path = expandUserPath(value, environment);
  if (path === null) throw invalid(key, `is '${value}', and there is no such home directory`);
  return path;
}

/** Null where it is no boolean. A number is true unless it is 0. */
function parseBool(value: string | null): boolean | null {
  if (value === null) return true;
  if (value === '' || /^(?:false|no|off)$/i.test(value)) return false;
  if (/^(?:true|yes|on)$/i.test(value)) return true;
  return /^\s*[+-]?(?:\d+|0x[0-9a-f]+)[kmg]?$/i.test(value) ? !/^\s*[+-]?(?:0x)?0+[kmg]?$/i.test(value) : null;
}

function invalid(key: string, what: string): AtomicSnapshotError {
  return new AtomicSnapshotError('DEVS_CONFIG_INVALID', `the git configuration's ${key} ${what}`, {
    hint: ['git', 'config', '--show-origin', '--get-all', key],
    data: { key },
  });
}
