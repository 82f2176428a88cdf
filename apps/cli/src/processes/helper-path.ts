import path from 'node:path';

const SYSTEM_PATH = '/usr/bin:/bin';

/**
 * PATH for programs that devs itself starts, such as a pager. Entries that are empty or relative
 * mean the working directory, and entries below `root` are the repository's: its author could put a
 * `less` there. The user's own command is looked up as the user's shell would.
 */
export function helperPath(searchPath: string | undefined, root: string): string {
  const entries = (searchPath ?? '').split(path.delimiter).filter((entry) => {
    if (!path.isAbsolute(entry)) return false;
    const below = path.relative(root, entry);
    return below === '..' || below.startsWith(`..${path.sep}`) || path.isAbsolute(below);
  });
  // A shell takes an empty PATH for the working directory.
  return entries.length === 0 ? SYSTEM_PATH : entries.join(path.delimiter);
}
