import fs from 'node:fs';
import path from 'node:path';
import { CONFIG_FILE } from '../config/read-project-file.ts';
import { isTypeable, taskNames } from '../config/tasks-file.ts';
import { excludeOwnFiles } from '../project/exclude.ts';
import { findProject } from '../project/find-project.ts';
import type { CommandContext } from './context.ts';

const TEMPLATE = `{
  // Tasks for \`devs run <name>\`. Scripts of package.json can be run by their names, too.
  "tasks": {
    // "format": "pnpm format",
    // "upgrade": { "run": "pnpm up --latest && pnpm test", "onFailure": "restore", "timeout": "10m" }
  },
  // Beside processes that a killed run left at work, these tasks "refuse" to start, or "warn".
  "orphans": "refuse"
}
`;

/** `devs init`: a \`devs.json\` to fill in, where there is none. Not needed for \`devs run -- command\`. */
export async function init(context: CommandContext): Promise<number> {
  const { cwd, terminal } = context;
  const repo = findProject(context);
  const file = path.join(repo.root, CONFIG_FILE);
  const isNew = createIfMissing(file);
  // Refuses what cannot be read, naming line and column.
  const tasks = taskNames(cwd, repo.root);
  excludeOwnFiles(repo);
  if (terminal.options.json) {
    terminal.json({ type: 'init', file, created: isNew, tasks });
    return 0;
  }
  terminal.say(isNew ? `made ${file}` : `${file} is there already, and was left alone`);
  const task = tasks.find(isTypeable);
  const example = task === undefined ? ['--', 'git', 'status'] : [task];
  terminal.say(`try: ${terminal.hint(['devs', 'run', ...example])}`);
  return 0;
}

function createIfMissing(file: string): boolean {
  try {
    fs.writeFileSync(file, TEMPLATE, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
