import path from 'node:path';
import { Command, CommanderError } from 'commander';
import { CliError, EXIT_USAGE, exitCodeOf } from '../base/errors.ts';
import { Terminal } from '../output/terminal.ts';
import type { CommandContext } from './context.ts';
import { declareCommands } from './declare-commands.ts';

interface GlobalFlags {
  readonly C?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

export interface Invocation {
  /** Words after the program's name. */
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly version: string;
}

/**
 * Runs the command line and returns the exit code. Commands are loaded only when they are called.
 */
export async function main({ args, cwd, env, version }: Invocation): Promise<number> {
  // Words after the first `--` are a command's or paths, untouched by any parser.
  const dashes = args.indexOf('--');
  const own = dashes === -1 ? args : args.slice(0, dashes);
  const command = dashes === -1 ? null : args.slice(dashes + 1);
  let exitCode = 0;
  let terminal = new Terminal({ json: own.includes('--json'), quiet: false, verbose: false, program: ['devs'] });

  const program = new Command('devs');
  const act = (work: (context: CommandContext) => Promise<number>) => async (): Promise<void> => {
    const flags = program.opts<GlobalFlags>();
    const words = (env.DEVS_PROGRAM ?? 'devs').split(' ') as [string, ...string[]];
    terminal = new Terminal({
      json: flags.json === true,
      quiet: flags.quiet === true,
      verbose: flags.verbose === true,
      program: flags.C === undefined ? words : [...words, '-C', flags.C],
    });
    exitCode = await work({ cwd: path.resolve(cwd, flags.C ?? '.'), terminal, env });
  };
  declareCommands(program, version, command, act);
  program.hook('preAction', (_, action) => assertTakesWords(action.name(), command));
  try {
    await program.parseAsync(own, { from: 'user' });
  } catch (error) {
    const explained = error instanceof CommanderError ? usageError(error) : error;
    // Help and version were printed.
    if (explained === null) return 0;
    terminal.error(explained);
    return exitCodeOf(explained);
  }
  return exitCode;
}

/**
 * What follows `--`: a command for `run`, words to complete, or paths. No other command takes any.
 */
const TAKES_WORDS: ReadonlySet<string> = new Set(['run', 'complete', 'diff', 'restore']);

function assertTakesWords(name: string, words: readonly string[] | null): void {
  if (words === null || words.length === 0 || TAKES_WORDS.has(name)) return;
  throw new CliError('DEVS_USAGE', `devs ${name} takes nothing after --`, {
    hint: ['devs', name, '--help'],
    exitCode: EXIT_USAGE,
    data: { words },
  });
}

/** What commander has against the words; null where it only printed what was asked for. */
function usageError({ exitCode, message }: CommanderError): CliError | null {
  if (exitCode === 0) return null;
  const what = message.replace(/^error: /, '').replace(/\n/g, ' ');
  return new CliError('DEVS_USAGE', what, { hint: ['devs', '--help'], exitCode: EXIT_USAGE });
}
