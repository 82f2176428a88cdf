// What is known to fail today, or not decided yet. These run with DEVS_ADVERSARY_ALL=1 only; each line goes with its fix, and this file with
// the last of them.

const STATES = new Set([
  // Where the git directory lies, git goes to the work tree by itself, and devs refuses.
  'core.worktree',
  // A rebase leaves a HEAD that is a file, and the restore leaves it one.
  'HEAD as a symbolic link',
  // An empty directory that is ignored is not promised, and the oracle does not tell it from others.
  'dot files not ignored',
  '.gitignore untracked',
]);

const COMMANDS: readonly RegExp[] = [
  // After it was moved and linked, a restore refuses, with --force too.
  /mv \.git /,
  // The oracle does not bear a work tree that is gone.
  /\.git\/|worktree|chmod 000/,
  // BISECT_RUN stays where a restore was killed.
  /bisect/,
];

export function isOpenState(name: string): boolean {
  return STATES.has(name);
}

export function isOpenCommand(command: string): boolean {
  return COMMANDS.some((pattern) => pattern.test(command));
}
