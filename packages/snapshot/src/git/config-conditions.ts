import fs from 'node:fs';
import path from 'node:path';
import { readRegularFile } from '../base/regular-file.ts';
import { expandUserPath, type GitEnvironment } from './environment.ts';
import { wildmatch } from './wildmatch.ts';

/** What the conditions of conditional includes ask about. */
export interface ConditionContext {
  readonly environment: GitEnvironment;
  /** Null before a repository was found: then nothing that asks about one holds. */
  readonly gitDir: string | null;
  readonly commonDir: string | null;
  /**
   * The URLs of all remotes; null while these are being collected, when all conditions on them
   * hold.
   */
  readonly remoteUrls: () => readonly string[] | null;
}

/**
 * Whether `[includeIf "<condition>"]` holds (git-config(1), "Conditional includes"). One that git
 * does not know does not. `file`: the configuration file that says so; null for the environment.
 */
export function conditionHolds(condition: string, file: string | null, context: ConditionContext): boolean {
  const [, kind, pattern] = /^(gitdir|gitdir\/i|onbranch|hasconfig:remote\.\*\.url):(.*)$/s.exec(condition) ?? [];
  if (kind === undefined || pattern === undefined) return false;
  if (kind === 'onbranch') {
    const branch = currentBranch(context.gitDir);
    return branch !== null && matches(withRest(pattern), branch, false);
  }
  if (kind.startsWith('hasconfig')) {
    const urls = context.remoteUrls();
    return urls === null || urls.some((url) => matches(pattern, url, false));
  }
  return gitDirMatches(pattern, file, context, kind === 'gitdir/i');
}

function gitDirMatches(pattern: string, file: string | null, context: ConditionContext, ignoreCase: boolean): boolean {
  const { gitDir, environment } = context;
  if (gitDir === null) return false;
  let wanted = expandUserPath(pattern, environment) ?? pattern;
  /** The literal text that it begins with: a directory's name may hold stars. */
  let prefix = '';
  if (wanted.startsWith('./')) {
    if (file === null) return false;
    prefix = `${path.dirname(fs.realpathSync(file))}/`;
    wanted = wanted.slice(2);
  } else if (!path.isAbsolute(wanted)) wanted = `**/${wanted}`;
  const start = gitDir.slice(0, prefix.length);
  if (ignoreCase ? start.toLowerCase() !== prefix.toLowerCase() : start !== prefix) return false;
  return matches(withRest(wanted), gitDir.slice(prefix.length), ignoreCase);
}

/** A slash at the end stands for everything below. */
function withRest(pattern: string): string {
  return pattern.endsWith('/') ? `${pattern}**` : pattern;
}

/**
 * The branch that HEAD names, without `refs/heads/`; null where it names none or cannot be read.
 */
function currentBranch(gitDir: string | null): string | null {
  if (gitDir === null) return null;
  const head = path.join(gitDir, 'HEAD');
  const target = fs.lstatSync(head, { throwIfNoEntry: false })?.isSymbolicLink()
    ? fs.readlinkSync(head)
    : /^ref:\s*(.+?)\s*$/s.exec(
        readRegularFile(head, { limit: 4096, code: 'DEVS_REF_INVALID' })?.toString() ?? '',
      )?.[1];
  return target?.startsWith('refs/heads/') === true ? target.slice('refs/heads/'.length) : null;
}

function matches(pattern: string, text: string, ignoreCase: boolean): boolean {
  const bytes = (value: string) => Buffer.from(value, 'utf8').toString('latin1');
  return wildmatch(bytes(pattern), ignoreCase)?.(bytes(text)) ?? false;
}
