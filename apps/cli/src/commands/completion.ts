import type { Command } from 'commander';
import { CliError, EXIT_USAGE } from '../base/errors.ts';
import { shortId } from '../base/short-id.ts';
import { taskNames } from '../config/tasks-file.ts';
import { escapeLine } from '../output/escape.ts';
import { findProject } from '../project/find-project.ts';
import { copyIfReadable } from '../project/view-project.ts';
import { COMPLETION_SCRIPTS } from './completion-scripts.ts';
import type { CommandContext } from './context.ts';

/** `devs completion`: the script that makes a shell complete devs's words. */
export async function completion({ terminal }: CommandContext, shell: string): Promise<number> {
  const script = COMPLETION_SCRIPTS[shell];
  if (script === undefined) {
    throw new CliError(
      'DEVS_USAGE',
      `no completion for ${shell}: it can be ${Object.keys(COMPLETION_SCRIPTS).join(', ')}`,
      {
        hint: ['devs', 'completion', 'bash'],
        exitCode: EXIT_USAGE,
        data: { shell },
      },
    );
  }
  if (terminal.options.json) terminal.json({ shell, script });
  else for (const line of script.split('\n')) terminal.answer(line);
  return 0;
}

/**
 * `devs complete -- words...`: what the last word may become, one a line, for the scripts. It looks
 * only: it never locks, repairs or writes. Where anything is wrong it answers nothing: a person who
 * presses TAB has asked no question that an error would answer.
 */
export async function complete(context: CommandContext, program: Command, words: readonly string[]): Promise<number> {
  const last = words.at(-1) ?? '';
  let found: readonly string[];
  try {
    found = await candidates(context, program, words);
  } catch {
    return 0;
  }
  for (const candidate of found) {
    if (candidate.startsWith(last) && canBeTyped(candidate)) context.terminal.answer(candidate);
  }
  return 0;
}

/** A shell would show control characters, and split the answer at a newline. */
function canBeTyped(candidate: string): boolean {
  return candidate !== '' && escapeLine(candidate) === candidate;
}

async function candidates(context: CommandContext, program: Command, words: readonly string[]): Promise<string[]> {
  const before = words.slice(0, -1);
  // What follows is the command's own.
  if (before.includes('--')) return [];
  const command = program.commands.find((known) => before.includes(known.name()));
  const options = (command ?? program).options.flatMap(({ long, short }) => [long ?? short!]);
  if ((words.at(-1) ?? '').startsWith('-')) return options;
  if (command === undefined) {
    // Hidden commands are not for typing.
    return program
      .createHelp()
      .visibleCommands(program)
      .map((known) => known.name());
  }
  const choices = command.options.find(({ long }) => long === before.at(-1))?.argChoices;
  if (choices !== undefined) return [...choices];
  const argument = command.registeredArguments[0]?.name();
  // A name that begins with a dash would be read as an option.
  if (argument === 'task')
    return taskNames(context.cwd, findProject(context).root).filter((name) => !name.startsWith('-'));
  if (argument === 'run') return runNames(context);
  return argument === 'shell' ? Object.keys(COMPLETION_SCRIPTS) : [];
}

/** Reads a copy: the completion of a word locks, repairs and creates nothing. */
async function runNames(context: CommandContext): Promise<string[]> {
  const opened = await copyIfReadable(findProject(context));
  if (opened === null) return [];
  try {
    const runs = await opened.log.list(50);
    return ['@', ...new Set(runs.flatMap(({ id, taskId }) => [shortId(id), taskId]))];
  } finally {
    await opened.close();
  }
}
