// What is done to each hazard of hazards.test.ts, and how it is judged.
import fs from 'node:fs';
import { fingerprint, Repo } from '@devs/test-kit';
import { expect } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';

export interface Hazard {
  readonly name: string;
  /** Brings a repository with work in progress into the state. */
  readonly make: (repo: Repo) => void;
  /** What the task does to it; default: the worst. */
  readonly wreck?: (repo: Repo) => void;
  /** Starts from nothing instead of from a repository with work in progress. */
  readonly from?: () => Repo;
}

/** Runs git, which may say no: some states forbid some commands. */
export function tryGit(repo: Repo, ...args: string[]): void {
  try {
    repo.git(...args);
  } catch {
    // Then the task did something less.
  }
}

/** Takes away all that a snapshot promises to bring back: tracked and untracked files, index, branch, operation. */
export function destroy(repo: Repo): void {
  const names = repo.git('ls-files', '-z', '--cached', '--others', '--exclude-standard').split('\0').filter(Boolean);
  for (const name of new Set(names)) fs.rmSync(repo.path(name), { force: true, recursive: true });
  for (const operation of ['merge', 'cherry-pick', 'rebase']) tryGit(repo, operation, '--quit');
  fs.rmSync(repo.path('.git/index'), { force: true });
  tryGit(repo, 'checkout', '-q', '--orphan', 'elsewhere');
  repo.write('by the task.txt', 'all is gone');
  repo.git('add', '-f', '-A', '--', 'by the task.txt');
  repo.git('commit', '-qm', 'by the task');
}

export function status(repo: Repo): string {
  return repo.git('--no-optional-locks', 'status', '--porcelain=v2', '--untracked-files=all');
}

export async function roundTrip({ make, wreck = destroy, from = Repo.withWork }: Hazard): Promise<void> {
  const repo = from();
  make(repo);
  const before = fingerprint(repo);
  const statusBefore = status(repo);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  expect(fingerprint(repo)).toEqual(before);
  wreck(repo);
  const wrecked = fingerprint(repo);
  tryGit(repo, 'reflog', 'expire', '--expire=now', '--all');
  repo.git('gc', '-q', '--prune=now');
  expect((await AtomicSnapshot.verify(repo.dir, ref)).problems).toEqual([]);
  const report = await AtomicSnapshot.restore(repo.dir, ref);
  expect(fingerprint(repo)).toEqual(before);
  expect(status(repo)).toBe(statusBefore);
  expect(repo.git('fsck', '--no-dangling', '--no-progress')).toBe('');
  const { spared } = await AtomicSnapshot.restore(repo.dir, report.safetyRef!);
  // What was ignored in the wrecked state is not deleted by going back to it.
  const isSpared = (line: string) => spared.some((name) => line.startsWith(`file ${name} `));
  expect(fingerprint(repo).filter((line) => !isSpared(line))).toEqual(wrecked);
}

export function conflict(repo: Repo): void {
  repo.git('stash', '-q');
  repo.git('checkout', '-q', '-b', 'side');
  repo.write('a.txt', 'side\n');
  repo.git('commit', '-qam', 'side');
  repo.git('checkout', '-q', 'main');
  repo.write('a.txt', 'main\n');
  repo.git('commit', '-qam', 'main');
}

export const config = (repo: Repo, ...args: string[]): string => repo.git('config', ...args);
export const rename = (repo: Repo, from: string, to: Buffer): void =>
  fs.renameSync(repo.path(from), Buffer.concat([Buffer.from(`${repo.dir}/`), to]));

/** A repository whose files lie in two directories, of which sparse checkout keeps one. */
export function twoDirectories(): Repo {
  const repo = Repo.create();
  for (const name of ['top.txt', 'in/a.txt', 'in/deep/b.txt', 'out/c.txt', 'out/deep/d.txt', 'out2/e.txt'])
    repo.write(name, `${name}\n`);
  repo.commitAll('first');
  return repo;
}
