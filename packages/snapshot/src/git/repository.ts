import path from 'node:path';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';
import type { GitConfig } from './config.ts';
import { readConfig } from './config-reader.ts';
import { discover } from './discovery.ts';
import { absoluteFrom, defaultEnvironment, type GitEnvironment } from './environment.ts';
import { notARepository } from './repository-errors.ts';

/** Where a work tree and its git directories are. All paths are absolute and real. */
export interface Repository {
  /** Top of the work tree. */
  readonly root: string;
  /** HEAD, index and operation files of this work tree. */
  readonly gitDir: string;
  /** Objects, refs and configuration, shared between linked work trees. */
  readonly commonDir: string;
  /** What git calls a linked work tree; null for the main one. */
  readonly workTreeName: string | null;
  readonly config: GitConfig;
  /**
   * What it was found with; its paths are absolute, so that it can be found again from anywhere
   * inside.
   */
  readonly environment: GitEnvironment;
}

/**
 * Where a repository is: a directory inside its work tree, or the repository itself, found earlier.
 */
export type Place = string | Repository;

/**
 * Finds the work tree that git would work on at `place`; one found earlier is believed, its
 * configuration too. `environment` is what git would see; by default a home directory and no
 * variable of git's. `GIT_INDEX_FILE` alone is not followed: the index of a snapshot is the work
 * tree's own, not one that a git command makes for itself in passing.
 * @throws AtomicSnapshotError `DEVS_NOT_A_REPOSITORY`, `DEVS_DIRECTORY_MISSING`,
 * `DEVS_BARE_REPOSITORY`, `DEVS_OUTSIDE_WORK_TREE`, `DEVS_UNSAFE_REPOSITORY`,
 * `DEVS_SHA256_REPOSITORY`, `DEVS_REFTABLE_REPOSITORY`, `DEVS_REPOSITORY_FORMAT`,
 * `DEVS_CONFIG_INVALID`, `DEVS_OBJECT_DIRECTORY`, `DEVS_UNREADABLE`.
 */
export function findRepository(place: Place, environment: GitEnvironment = defaultEnvironment()): Repository {
  if (typeof place !== 'string') return place;
  try {
    const seen = absoluteFrom(place, environment);
    const found = discover(place, seen);
    const workTreeName = found.gitDir === found.commonDir ? null : path.basename(found.gitDir);
    return { ...found, workTreeName, config: readConfig(found, seen), environment: seen };
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ELOOP' || code === 'ENAMETOOLONG') {
      throw notARepository(pathIn(error) ?? place, `cannot be followed: ${code}`, ['ls', '-ld', path.resolve(place)]);
    }
    if (code !== 'EACCES') throw error;
    throw new AtomicSnapshotError('DEVS_UNREADABLE', `may not read ${pathIn(error) ?? place}`, {
      hint: ['ls', '-ld', path.resolve(place)],
      data: { path: place },
      cause: error,
    });
  }
}

function pathIn(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).path;
}
