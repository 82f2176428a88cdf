import fs from 'node:fs';
import path from 'node:path';
import { CliError, EXIT_USAGE } from '../base/errors.ts';

/**
 * Paths as the user typed them, seen from `cwd`, as paths from the top of the work tree. @throws
 * CliError `DEVS_PATH_OUTSIDE`
 */
export function workTreePaths(paths: readonly string[], cwd: string, root: string): string[] {
  const here = fs.realpathSync(cwd);
  return paths.map((given) => {
    const relative = path.relative(root, path.resolve(here, given));
    if (relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative)) {
      return relative === '' ? '.' : relative.split(path.sep).join('/');
    }
    throw new CliError('DEVS_PATH_OUTSIDE', `${given} is outside of the work tree ${root}`, {
      hint: ['git', '-C', root, 'ls-files'],
      exitCode: EXIT_USAGE,
      data: { path: given, root },
    });
  });
}
