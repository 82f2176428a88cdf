// What is known to fail today, and is being fixed. These run with DEVS_ADVERSARY_ALL=1 only; each line goes with its fix,
// and this file with the last of them.

const STATES = new Set([
  // Not seen as git sees it.
  '.git that is a dangling file, below',
  '.git that is an empty directory, below',
  'submodule, files at its path',
  'submodule, not initialised',
  'core.worktree',
  'GIT_DIR and GIT_WORK_TREE',
  'GIT_DIR alone',
  'HEAD as a symbolic link',
  'dot files not ignored',
  // An undo leaves what the restore wrote and the rules ignore.
  'ignored and tracked',
  // A present that cannot be captured is not left.
  'index.lock left behind',
  'no index file',
  'damaged index',
  'fifo in place of a tracked file',
  'a missing blob of an unmodified file',
]);

const COMMANDS: readonly RegExp[] = [
  // Damage to the git directory ends a run with 125.
  /\.git\/|\.devs|core\.bare|core\.worktree|not a configuration|separate-git-dir/,
  /for-each-ref|update-ref|symbolic-ref|refs\/|worktree|filter-branch|bisect/,
  // Special bits of permissions, and what nobody may read or write.
  /chmod (000|555|400|2775|1777|4755|-R|700)/,
  // Fifos, repositories inside, ignore rules that are not in the repository.
  /mkfifo|init -q|\.git|clone|--global|config (core|include|extensions)/,
  // The database and the lock lie in the work tree.
  /clean|stash|-rf \.|rm \{\}|add -A|add -f/,
  /\.gitignore|sparse-checkout|submodule|cd \.\./,
];

export function isOpenState(name: string): boolean {
  return STATES.has(name);
}

export function isOpenCommand(command: string): boolean {
  return COMMANDS.some((pattern) => pattern.test(command));
}
