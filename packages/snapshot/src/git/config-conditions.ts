import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readTextIfThere } from '../base/durable.ts';
import { wildmatch } from './wildmatch.ts';

/**
 * Whether `[includeIf "<condition>"]` of the configuration file `file` holds (git-config(1), "Conditional includes"):
 * `gitdir:`, `gitdir/i:` and `onbranch:`. Any other condition does not: `hasconfig:` chooses remotes, which mean nothing
 * here.
 */
export function conditionHolds(condition: string, file: string, gitDir: string): boolean {
  const [, kind, pattern] = /^(gitdir|gitdir\/i|onbranch):(.*)$/s.exec(condition) ?? [];
  if (kind === undefined || pattern === undefined) return false;
  if (kind !== 'onbranch') return gitDirMatches(pattern, file, gitDir, kind === 'gitdir/i');
  const branch = /^ref: refs\/heads\/(.+)\n?$/.exec(readTextIfThere(path.join(gitDir, 'HEAD')) ?? '')?.[1];
  return branch !== undefined && matches(withRest(pattern), branch, false);
}

function gitDirMatches(pattern: string, file: string, gitDir: string, ignoreCase: boolean): boolean {
  let wanted = withRest(pattern);
  if (wanted.startsWith('~/')) wanted = os.homedir() + wanted.slice(1);
  else if (wanted.startsWith('./')) wanted = fs.realpathSync(path.dirname(file)) + wanted.slice(1);
  else if (!wanted.startsWith('/')) wanted = `**/${wanted}`;
  return matches(wanted, gitDir, ignoreCase);
}

/** A slash at the end stands for everything below. */
function withRest(pattern: string): string {
  return pattern.endsWith('/') ? `${pattern}**` : pattern;
}

function matches(pattern: string, text: string, ignoreCase: boolean): boolean {
  const bytes = (value: string) => Buffer.from(value, 'utf8').toString('latin1');
  return wildmatch(bytes(pattern), ignoreCase)?.test(bytes(text)) ?? false;
}
