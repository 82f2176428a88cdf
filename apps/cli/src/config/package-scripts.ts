import fs from 'node:fs';
import path from 'node:path';
import { entriesOf, parseJsonTree, property } from './json-tree.ts';
import type { NamedTask } from './named-task.ts';
import { readProjectFile } from './read-project-file.ts';

/**
 * The scripts of the nearest package.json that has some, from `cwd` up to `root`. The
 * `node_modules/.bin` of each directory on the way is put before PATH for them, as npm does;
 * nothing else that devs starts sees it.
 * @throws CliError `DEVS_CONFIG_INVALID`, `DEVS_CONFIG_UNREADABLE`
 */
export function readScripts(cwd: string, root: string): Map<string, NamedTask> {
  const tasks = new Map<string, NamedTask>();
  const binDirectories: string[] = [];
  for (let dir = fs.realpathSync(cwd); ; dir = path.dirname(dir)) {
    binDirectories.push(path.join(dir, 'node_modules', '.bin'));
    if (tasks.size === 0)
      for (const [name, run] of scriptsOf(path.join(dir, 'package.json'), root))
        tasks.set(name, { run, cwd: dir, binDirectories });
    if (dir === root || path.dirname(dir) === dir) return tasks;
  }
}

/** Pairs of name and command. A command that holds a NUL cannot be handed to a shell. */
function scriptsOf(file: string, root: string): (readonly [string, string])[] {
  const bytes = readProjectFile(file, root);
  if (bytes === null) return [];
  const { top, invalid } = parseJsonTree(bytes, file);
  return entriesOf(property(top ?? undefined, 'scripts'))
    .filter(([, value]) => value.type === 'string')
    .map(([key, value]) => {
      if (value.value.includes('\0')) throw invalid(value.offset, 'a command cannot hold a NUL character');
      return [key.value, value.value] as const;
    });
}
