import fs from 'node:fs';
import path from 'node:path';
import { CliError, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND } from '../base/errors.ts';

/**
 * Checks, before anything is locked or written, that `name` can be executed, as execvp(3) would
 * look it up.
 * @throws CliError `DEVS_COMMAND_NOT_FOUND` (127) or `DEVS_COMMAND_NOT_EXECUTABLE` (126).
 */
export function assertCommandExists(name: string, cwd: string, searchPath: string): void {
  const hasSlash = name.includes('/') || (process.platform === 'win32' && name.includes('\\'));
  const extensions = process.platform === 'win32' ? ['', '.exe', '.cmd', '.bat', '.com'] : [''];
  const directories = hasSlash ? [''] : searchPath.split(path.delimiter);
  let found: string | undefined;
  for (const directory of directories) {
    for (const extension of extensions) {
      const file = path.resolve(cwd, hasSlash ? name + extension : path.join(directory || '.', name + extension));
      const stat = statIfReachable(file);
      if (stat === null) continue;
      if (stat.isFile() && isExecutable(file)) return;
      found ??= file;
    }
  }
  if (found === undefined) {
    throw new CliError('DEVS_COMMAND_NOT_FOUND', `command not found: ${name}`, {
      exitCode: EXIT_NOT_FOUND,
      data: { command: name },
      ...(hasSlash ? {} : { hint: ['printenv', 'PATH'] as const }),
    });
  }
  throw new CliError('DEVS_COMMAND_NOT_EXECUTABLE', `${found} cannot be executed`, {
    exitCode: EXIT_NOT_EXECUTABLE,
    hint: ['ls', '-l', found],
    data: { command: name, path: found },
  });
}

/** A directory of PATH that may not be entered, or is none, holds no command, as for execvp(3). */
function statIfReachable(file: string): fs.Stats | null {
  try {
    return fs.statSync(file, { throwIfNoEntry: false }) ?? null;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EACCES' || code === 'ENOTDIR') return null;
    throw error;
  }
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EACCES' || code === 'EPERM') return false;
    throw error;
  }
}
