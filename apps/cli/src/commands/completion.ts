import type { Command } from 'commander';
import { CliError, EXIT_USAGE } from '../base/errors.ts';
import { shortId } from '../base/short-id.ts';
import { taskNames } from '../config/tasks-file.ts';
import { findProject } from '../project/find-project.ts';
import { openLog } from '../project/open-log.ts';
import type { CommandContext } from './context.ts';

/** Each asks `devs complete` for the candidates of the last word. */
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_devs() {
  local IFS=$'\\n'
  COMPREPLY=($(devs complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _devs devs`,
  zsh: `#compdef devs
_devs() {
  local -a candidates
  candidates=("\${(@f)$(devs complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  [[ -n "$candidates" ]] && compadd -a candidates || _files
}
compdef _devs devs`,
  fish: `complete -c devs -a '(devs complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'`,
};

/** `devs completion`: the script that makes a shell complete devs's words. */
export async function completion({ terminal }: CommandContext, shell: string): Promise<number> {
  const script = SCRIPTS[shell];
  if (script === undefined) {
    throw new CliError('DEVS_USAGE', `no completion for ${shell}: it can be ${Object.keys(SCRIPTS).join(', ')}`, {
      hint: 'devs completion bash',
      exitCode: EXIT_USAGE,
      data: { shell },
    });
  }
  if (terminal.options.json) terminal.json({ shell, script });
  else for (const line of script.split('\n')) terminal.answer(line);
  return 0;
}

/** \`devs complete -- words...\`: what the last word may become, one a line. For the scripts above. */
export async function complete(context: CommandContext, program: Command, words: readonly string[]): Promise<number> {
  const last = words.at(-1) ?? '';
  for (const candidate of await candidates(context, program, words)) {
    if (candidate.startsWith(last)) context.terminal.answer(candidate);
  }
  return 0;
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
  if (argument === 'task') return taskNames(context.cwd, findProject(context).root);
  if (argument === 'run') return runNames(context);
  return argument === 'shell' ? Object.keys(SCRIPTS) : [];
}

/** Looks only: completing a word must not lock or repair. */
async function runNames(context: CommandContext): Promise<string[]> {
  const { checkDatabase } = await import('@devs/db');
  const { root } = findProject(context);
  const { exists, problems } = checkDatabase(root);
  if (!exists || problems.length > 0) return [];
  const { log, close } = await openLog(root, { hasLiveRun: () => true });
  try {
    const runs = await log.list(50);
    return ['@', ...new Set(runs.flatMap(({ id, task_id }) => [shortId(id), task_id]))];
  } finally {
    await close();
  }
}
