import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';

/**
 * What git reads of a process's environment, as an argument: nothing in this package reads
 * `process.env`. Every field is null where the variable is not set; an empty string is a value, as
 * it is for git.
 */
export interface GitEnvironment {
  /** `HOME`. */
  readonly home: string | null;
  /** `XDG_CONFIG_HOME`. */
  readonly xdgConfigHome: string | null;
  /** The system's configuration file; null where `GIT_CONFIG_NOSYSTEM` turns it off. */
  readonly systemConfig: string | null;
  /** The system's attributes file; null where `GIT_ATTR_NOSYSTEM` turns it off. */
  readonly systemAttributes: string | null;
  /** `GIT_CONFIG_GLOBAL`: replaces both files of the user. */
  readonly globalConfig: string | null;
  /**
   * `GIT_CONFIG_COUNT`, and the pairs `GIT_CONFIG_KEY_<n>` and `GIT_CONFIG_VALUE_<n>` that are set.
   */
  readonly configCount: string | null;
  readonly configPairs: ReadonlyMap<string, string>;
  /** `GIT_CONFIG_PARAMETERS`: what `git -c` hands to the commands that it starts. */
  readonly configParameters: string | null;
  /**
   * `GIT_DIR`, `GIT_WORK_TREE` and `GIT_COMMON_DIR`; relative ones count from the place that is
   * asked about.
   */
  readonly gitDir: string | null;
  readonly workTree: string | null;
  readonly commonDir: string | null;
  /** `GIT_IMPLICIT_WORK_TREE`: 0 where git itself set `GIT_DIR` to a bare repository. */
  readonly implicitWorkTree: string | null;
  readonly objectDirectory: string | null;
  /** `GIT_CEILING_DIRECTORIES`: directories that the search does not enter from below. */
  readonly ceilingDirectories: string | null;
  /** `GIT_DISCOVERY_ACROSS_FILESYSTEM`. */
  readonly acrossFileSystems: string | null;
  /** The effective user; null where the system has no such thing. */
  readonly uid: number | null;
  /** `SUDO_UID`: who became root by sudo. */
  readonly sudoUid: string | null;
}

/**
 * Where a git built with its default prefix looks, as those of Linux distributions are. A git built
 * with another prefix is told apart by nothing that can be read without running it.
 */
const SYSTEM_CONFIG = '/etc/gitconfig';
const SYSTEM_ATTRIBUTES = '/etc/gitattributes';

/** What a process without a single `GIT_` variable sees. */
export function defaultEnvironment(): GitEnvironment {
  return { ...NOTHING_SET, home: os.homedir(), uid: effectiveUid() };
}

const NOTHING_SET: GitEnvironment = {
  home: null,
  xdgConfigHome: null,
  systemConfig: SYSTEM_CONFIG,
  systemAttributes: SYSTEM_ATTRIBUTES,
  globalConfig: null,
  configCount: null,
  configPairs: new Map(),
  configParameters: null,
  gitDir: null,
  workTree: null,
  commonDir: null,
  implicitWorkTree: null,
  objectDirectory: null,
  ceilingDirectories: null,
  acrossFileSystems: null,
  uid: null,
  sudoUid: null,
};

/**
 * What git would see of the environment variables `env`, for the user that this process acts as.
 */
export function environmentFrom(env: Readonly<Record<string, string | undefined>>): GitEnvironment {
  const pairs = new Map<string, string>();
  if (env.GIT_CONFIG_COUNT !== undefined) {
    for (const [name, value] of Object.entries(env)) {
      if (/^GIT_CONFIG_(?:KEY|VALUE)_\d+$/.test(name) && value !== undefined) pairs.set(name, value);
    }
  }
  return {
    home: env.HOME ?? env.USERPROFILE ?? null,
    xdgConfigHome: env.XDG_CONFIG_HOME ?? null,
    systemConfig: isOn(env.GIT_CONFIG_NOSYSTEM) ? null : (env.GIT_CONFIG_SYSTEM ?? SYSTEM_CONFIG),
    systemAttributes: isOn(env.GIT_ATTR_NOSYSTEM) ? null : SYSTEM_ATTRIBUTES,
    globalConfig: env.GIT_CONFIG_GLOBAL ?? null,
    configCount: env.GIT_CONFIG_COUNT ?? null,
    configPairs: pairs,
    configParameters: env.GIT_CONFIG_PARAMETERS ?? null,
    gitDir: env.GIT_DIR ?? null,
    workTree: env.GIT_WORK_TREE ?? null,
    commonDir: env.GIT_COMMON_DIR ?? null,
    implicitWorkTree: env.GIT_IMPLICIT_WORK_TREE ?? null,
    objectDirectory: env.GIT_OBJECT_DIRECTORY ?? null,
    ceilingDirectories: env.GIT_CEILING_DIRECTORIES ?? null,
    acrossFileSystems: env.GIT_DISCOVERY_ACROSS_FILESYSTEM ?? null,
    uid: effectiveUid(),
    sudoUid: env.SUDO_UID ?? null,
  };
}

/** The same, with its paths made absolute as seen from `cwd`. */
export function absoluteFrom(cwd: string, environment: GitEnvironment): GitEnvironment {
  const { gitDir, workTree, commonDir, objectDirectory } = environment;
  if (gitDir === null && workTree === null && commonDir === null && objectDirectory === null) return environment;
  const absolute = (value: string | null) => (value === null || value === '' ? value : path.resolve(cwd, value));
  return {
    ...environment,
    gitDir: absolute(gitDir),
    workTree: absolute(workTree),
    commonDir: absolute(commonDir),
    objectDirectory: absolute(objectDirectory),
  };
}

function effectiveUid(): number | null {
  return process.geteuid?.() ?? null;
}

/**
 * Git's reading of a boolean variable; one that git cannot read (and dies of) counts as not set.
 */
export function isOn(value: string | null | undefined): boolean {
  if (value === null || value === undefined) return false;
  if (/^(?:true|yes|on)$/i.test(value)) return true;
  return /^[+-]?\d+$/.test(value) && Number(value) !== 0;
}

/**
 * A file of git's in the user's configuration directory (`$XDG_CONFIG_HOME/git/<name>`); null where
 * there is none.
 */
export function userFile(environment: GitEnvironment, name: string): string | null {
  const { xdgConfigHome, home } = environment;
  if (xdgConfigHome !== null && xdgConfigHome !== '') return path.join(xdgConfigHome, 'git', name);
  return home === null ? null : path.join(home, '.config/git', name);
}

/**
 * What `~/` or `~user/` at the start of a path stands for; null where git would not know it either.
 */
export function expandUserPath(value: string, { home }: GitEnvironment): string | null {
  const [, user, rest] = /^~([^/]*)(.*)$/s.exec(value) ?? [];
  if (user === undefined) return value;
  const start = user === '' ? home : homeOf(user);
  return start === null ? null : start + rest;
}

function homeOf(user: string): string | null {
  let accounts: string;
  try {
    accounts = fs.readFileSync('/etc/passwd', 'utf8');
  } catch {
    // Then no account has a home that could be named.
    return null;
  }
  for (const line of accounts.split('\n')) {
    const fields = line.split(':');
    if (fields[0] === user) return fields[5] ?? null;
  }
  return null;
}
