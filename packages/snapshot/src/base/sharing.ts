import fs from 'node:fs';

/**
 * What `core.sharedRepository` says, in git's own form (its `get_shared_repository`): 0 leaves
 * modes to the umask, a positive number is added to them, and a negative one replaces them.
 */
export type Sharing = number;

export const NOT_SHARED: Sharing = 0;

const GROUP: Sharing = 0o660;
const EVERYBODY: Sharing = 0o664;

const NAMES: Readonly<Record<string, Sharing>> = {
  umask: NOT_SHARED,
  false: NOT_SHARED,
  no: NOT_SHARED,
  off: NOT_SHARED,
  '': NOT_SHARED,
  group: GROUP,
  true: GROUP,
  yes: GROUP,
  on: GROUP,
  all: EVERYBODY,
  world: EVERYBODY,
  everybody: EVERYBODY,
};

/**
 * The value of `core.sharedRepository`, as git's `git_config_perm` reads it; null where git refuses
 * it.
 */
export function parseSharing(value: string | undefined): Sharing | null {
  if (value === undefined) return NOT_SHARED;
  const named = Object.hasOwn(NAMES, value.toLowerCase()) ? NAMES[value.toLowerCase()]! : null;
  if (named !== null) return named;
  if (!/^[0-7]{1,6}$/.test(value)) return null;
  const mode = Number.parseInt(value, 8);
  if (mode === 0) return NOT_SHARED;
  // How git once numbered them.
  if (mode === 1) return GROUP;
  if (mode === 2) return EVERYBODY;
  return (mode & 0o600) === 0o600 ? -(mode & 0o666) : null;
}

/** Gives a new file or directory the permissions that git's `adjust_shared_perm` would. */
export function adjustShared(file: number | string, sharing: Sharing): void {
  if (sharing === NOT_SHARED) return;
  const stat = typeof file === 'number' ? fs.fstatSync(file) : fs.lstatSync(file);
  const before = stat.mode & 0o7777;
  let after = sharedMode(before, sharing);
  if (stat.isDirectory()) {
    after |= (after & 0o444) >> 2;
    // What is made in it belongs to its group, too.
    if ((after & 0o060) !== 0) after |= 0o2000;
  }
  if (after === before) return;
  if (typeof file === 'number') fs.fchmodSync(file, after);
  else fs.chmodSync(file, after);
}

function sharedMode(mode: number, sharing: Sharing): number {
  let tweak = Math.abs(sharing);
  if ((mode & 0o200) === 0) tweak &= ~0o222;
  if ((mode & 0o100) !== 0) tweak |= (tweak & 0o444) >> 2;
  return sharing < 0 ? (mode & ~0o777) | tweak : mode | tweak;
}
