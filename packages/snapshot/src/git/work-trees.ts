import fs from 'node:fs';
import path from 'node:path';
import { codeOf } from '../base/errors.ts';
import { readShortText } from '../base/short-text.ts';
import type { Repository } from './repository.ts';

/**
 * The branches that other work trees of the repository use, each with that work tree's directory:
 * as their HEAD, or as what a rebase or bisect in progress goes back to (git's branch.c,
 * prepare_checked_out_branches).
 */
export function branchesOfOtherWorkTrees(repo: Repository): Map<string, string> {
  const branches = new Map<string, string>();
  for (const gitDir of otherGitDirs(repo)) {
    const workTree = workTreeOf(repo, gitDir);
    // A work tree whose directory is gone holds nothing back.
    if (workTree === null) continue;
    for (const branch of branchesOf(gitDir)) branches.set(branch, workTree);
  }
  return branches;
}

function otherGitDirs({ commonDir, gitDir }: Repository): string[] {
  const linked = path.join(commonDir, 'worktrees');
  let names: string[] = [];
  try {
    names = fs.readdirSync(linked);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
  }
  return [commonDir, ...names.map((name) => path.join(linked, name))].filter((dir) => dir !== gitDir);
}

function workTreeOf({ commonDir, config }: Repository, gitDir: string): string | null {
  if (gitDir === commonDir) return config.bool('core.bare', false) ? null : path.dirname(commonDir);
  const dotGit = readShortText(path.join(gitDir, 'gitdir'));
  return dotGit === null || !fs.existsSync(dotGit) ? null : path.dirname(dotGit);
}

function branchesOf(gitDir: string): string[] {
  const read = (name: string) => readShortText(path.join(gitDir, name)) ?? '';
  const bisected = read('BISECT_START');
  return [
    /^ref: (refs\/heads\/.+)$/.exec(read('HEAD'))?.[1],
    /^(refs\/heads\/.+)$/.exec(read('rebase-merge/head-name'))?.[1],
    /^(refs\/heads\/.+)$/.exec(read('rebase-apply/head-name'))?.[1],
    bisected === '' ? undefined : `refs/heads/${bisected.replace(/^refs\/heads\//, '')}`,
  ].filter((branch) => branch !== undefined);
}
