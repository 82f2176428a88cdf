import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { type BytePath, onDisk } from '../base/byte-path.ts';
import { codeOf } from '../base/errors.ts';
import { readShortText } from '../base/short-text.ts';
import { readConfigFile } from '../git/config-reader.ts';
import { gitFileTarget } from '../git/git-directory.ts';
import type { Repository } from '../git/repository.ts';

/**
 * What lies around the state that a snapshot holds, and that no restore brings back: configuration,
 * other work trees, and repositories inside this one. It is recorded so that a report can say what
 * a run changed of it.
 */
export interface Surroundings {
  readonly schema: 1;
  /**
   * The repository's own configuration: keys and values in order; what looks secret is a digest.
   */
  readonly config: readonly (readonly [key: string, value: string | null])[];
  /** Linked work trees: git's name for each, its directory and the text of its HEAD. */
  readonly workTrees: readonly (readonly [name: string, dir: string, head: string])[];
  /**
   * Nested repositories and submodules by byte path, each with the text of its HEAD, where it can
   * be read.
   */
  readonly repositories: readonly (readonly [path: BytePath, head: string | null])[];
}

export function readSurroundings(repo: Repository, inner: readonly BytePath[]): Surroundings {
  return {
    schema: 1,
    config: configOf(repo),
    workTrees: workTreesOf(repo),
    repositories: inner.map((name) => [name, headOf(repo.root, name)] as const),
  };
}

export function encodeSurroundings(surroundings: Surroundings): Buffer {
  return Buffer.from(`${JSON.stringify(surroundings)}\n`);
}

/**
 * The commits that other work trees stand on without a branch; git prunes them once those are
 * removed.
 */
export function detachedCommits({ workTrees }: Surroundings): string[] {
  return workTrees.map(([, , head]) => head).filter((head) => /^[0-9a-f]{40}$/.test(head));
}

/** Null where the bytes are none. Everything in it is only ever compared and shown. */
export function decodeSurroundings(bytes: Buffer): Surroundings | null {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const { schema, config, workTrees, repositories } = (value ?? {}) as Partial<Surroundings>;
  const isList = (list: unknown) =>
    Array.isArray(list) && list.every((row) => Array.isArray(row) && row.every(isTextOrNull));
  return schema === 1 && [config, workTrees, repositories].every(isList) ? (value as Surroundings) : null;
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string';
}

const SECRET_KEY = /extraheader|password|token|secret|credential|cookie|proxy/;
const SECRET_VALUE = /:\/\/[^/]*@/;

function configOf({ commonDir, gitDir, environment }: Repository): [string, string | null][] {
  const files = [path.join(commonDir, 'config'), path.join(gitDir, 'config.worktree')];
  return files
    .flatMap((file) => readConfigFile(file, environment).entries())
    .map(({ key, value }) => {
      const isSecret = value !== null && (SECRET_KEY.test(key) || SECRET_VALUE.test(value));
      return [key, isSecret ? `sha256:${createHash('sha256').update(value).digest('hex')}` : value];
    });
}

/**
 * Whose HEAD it is, another may have decided. Text of another kind may be a secret, and a snapshot
 * is no place for it.
 */
const HEAD = /^(?:ref: refs\/[^\0-\x20]{1,4000}|[0-9a-f]{40}|[0-9a-f]{64})$/;

function readHead(file: string | Buffer): string | null {
  const text = readShortText(file);
  return text !== null && HEAD.test(text) ? text : null;
}

function workTreesOf({ commonDir }: Repository): [string, string, string][] {
  const dir = path.join(commonDir, 'worktrees');
  return namesIn(dir).map((name) => {
    const dotGit = /^(.*)\/\.git$/.exec(readShortText(path.join(dir, name, 'gitdir')) ?? '');
    return [name, dotGit?.[1] ?? '.', readHead(path.join(dir, name, 'HEAD')) ?? ''];
  });
}

/** A repository inside has a git directory, or a file that names one. */
function headOf(root: string, name: BytePath): string | null {
  const dotGit = onDisk(root, `${name}/.git`);
  const link = gitFileTarget(Buffer.from(readShortText(dotGit) ?? ''));
  if (link !== null) return readHead(path.resolve(root, String(name), link, 'HEAD'));
  return readHead(onDisk(root, `${name}/.git/HEAD`));
}

function namesIn(dir: string): string[] {
  try {
    return fs.readdirSync(dir).sort();
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}
