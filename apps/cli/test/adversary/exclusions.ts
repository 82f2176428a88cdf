// Everything that the oracles leave out, each with its reason. docs/guarantees.md, "Not promised", has them for users.
// Besides: owners and modification times are not looked at, and no state sets GIT_INDEX_FILE, which devs does not follow.

/** What devs itself keeps at the top of a work tree. */
export const OWN_NAMES: RegExp = /^\.devs(-state\.lock|\.db)/;

/**
 * Files of the git directory that are compared in another way or belong to devs: references by `git for-each-ref`,
 * objects by `git fsck`. `COMMIT_EDITMSG` and the like hold no state. Reflogs gain a line when HEAD moves.
 */
export const OWN_GIT_FILES: RegExp =
  /^(devs|objects|refs|logs|packed-refs|worktrees\/[^/]+\/(logs|refs|devs))($|\/)|^(sharedindex\.|COMMIT_EDITMSG$|FETCH_HEAD$|gc\.log$|gc\.pid$)/;

/** The lines that keep the lock out of `git status` are added once, by the first command that takes it. */
export const ADDED_ONCE: RegExp = /^x:(common\/)?info(\/exclude)?$/;

/** Not read as work of the user when it changed after a run: it is a trace of other commands, and git overwrites it too. */
export const TRACES: RegExp = /^g:(ORIG_HEAD|AUTO_MERGE|REBASE_HEAD)$/;

/** Lines of `git status` on submodules and repositories inside: their contents are not in a snapshot. */
export const STATUS_OF_OTHERS: RegExp = /^([12u] .. S|\? .*\/$)/;

/** Fifos, sockets and devices: a snapshot cannot hold them, so they come and go unnoticed. */
export const SPECIAL = 'special';

/** Lines of `git status` on devs' own files, which rules such as `!/.*` show. */
export const STATUS_OF_OWN: RegExp = /^\? \.devs(-state\.lock|\.db)/;

/** What git fsck says of a tree that holds `.gitignore` as a link and the like: it is the user's. */
export const FSCK_WARNING: RegExp = /^(warning|notice) in /;

/** Setuid, setgid and sticky bits are never taken from a snapshot: they stay as they are on the disk. */
export const PERMISSIONS = 0o777;
