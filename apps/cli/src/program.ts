import path from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import type { CommandContext } from './commands/context.ts';
import type { RestoreFlags } from './commands/restore.ts';
import type { RunFlags } from './commands/run.ts';
import { EXIT_USAGE, exitCodeOf } from './errors.ts';
import { Terminal } from './terminal.ts';

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

/** Runs the command line and returns the exit code. Commands are loaded only when they are called. */
export async function main({ args, cwd, env, version }: Invocation): Promise<number> {
  // Words after the first `--` belong to the command, untouched by any parser.
  const dashes = args.indexOf('--');
  const own = dashes === -1 ? args : args.slice(0, dashes);
  const command = dashes === -1 ? null : args.slice(dashes + 1);
  let exitCode = 0;
  let terminal = new Terminal({ json: own.includes('--json'), quiet: false, verbose: false, program: 'devs' });

  const program = new Command('devs');
  const act = (work: (context: CommandContext) => Promise<number>) => async (): Promise<void> => {
    const flags = program.opts<GlobalFlags>();
    const name = (env.DEVS_PROGRAM ?? 'devs') + (flags.C === undefined ? '' : ` -C '${flags.C}'`);
    terminal = new Terminal({
      json: flags.json === true,
      quiet: flags.quiet === true,
      verbose: flags.verbose === true,
      program: name,
    });
    exitCode = await work({ cwd: path.resolve(cwd, flags.C ?? '.'), terminal, env });
  };
  declare(program, version, command, act);
  try {
    await program.parseAsync(own, { from: 'user' });
  } catch (error) {
    // commander has printed its message; help and version end with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    terminal.error(error);
    return exitCodeOf(error);
  }
  return exitCode;
}

type Act = (work: (context: CommandContext) => Promise<number>) => () => Promise<void>;

function declare(program: Command, version: string, command: readonly string[] | null, act: Act): void {
  program
    .description('Undo for what commands did: runs any command against a git repository as a transaction.')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .option('-C <dir>', 'run as if started in <dir>')
    .option('--json', 'answer, and report errors, as JSON')
    .option('-q, --quiet', 'say nothing but warnings and errors')
    .option('-v, --verbose', 'say what is done, and how long it takes')
    .addHelpText(
      'after',
      `
Exit codes:
  the command's own; 128+n when signal n killed it; 1 the lock is held (or "no" of a query); 2 wrong usage;
  124 --timeout ran out; 125 devs itself failed; 126 the command cannot be executed; 127 it was not found

A run is named by its id, the beginning of its id, its task id (the newest run of it) or @ (the newest of all).`,
    )
    .exitOverride();

  program
    .command('run [task...]')
    .description('lock, snapshot, run, and drop the snapshot; keep it when the command fails')
    .usage('[options] [task...] | [options] -- command [args...]')
    .option('--id <id>', 'name of the task (default: made of the command)')
    .addOption(
      new Option('--on-failure <what>', 'when it fails: keep what it did, or restore').choices(['keep', 'restore']),
    )
    .addOption(
      new Option('--on-success <what>', 'when it succeeds: drop the snapshot, or keep it').choices(['drop', 'keep']),
    )
    .option('--wait [duration]', 'wait for a held lock, at most so long (default without it: do not wait)')
    .option('--timeout <duration>', 'end the command after so long')
    .option('--force', 'start even beside processes that a killed run left at work')
    .option('--include-ignored <pattern...>', 'capture these ignored files too')
    .action((names: string[], flags: RunFlags) =>
      act(async (context) => (await import('./commands/run.ts')).run(context, names, command, flags))(),
    );
  program
    .command('status')
    .description('who holds the lock, how the last run ended, what can be restored')
    .action(act(async (context) => (await import('./commands/status.ts')).status(context)));
  program
    .command('log')
    .description('the runs, newest first')
    .option('-n <count>', 'how many', '20')
    .action((flags: { n: string }) =>
      act(async (context) => (await import('./commands/log.ts')).log(context, Number(flags.n) || 20))(),
    );
  program
    .command('diff <run> [paths...]')
    .description('the files a run changed; exit code 1 when there are any')
    .action((name: string, paths: string[]) =>
      act(async (context) => (await import('./commands/diff.ts')).diff(context, name, paths))(),
    );
  program
    .command('restore <run> [paths...]')
    .description('bring everything back as it was before the run: files, index, HEAD and branch')
    .option('--files-only', 'leave index, HEAD and branch alone')
    .option('--force', 'move HEAD and branch back even if somebody moved them since')
    .option('--dry-run', 'say what would be done')
    .action((name: string, paths: string[], flags: RestoreFlags) =>
      act(async (context) => (await import('./commands/restore.ts')).restore(context, name, paths, flags))(),
    );
  program
    .command('drop <run>')
    .description('forget what a run kept; the files stay as they are')
    .action((name: string) => act(async (context) => (await import('./commands/drop.ts')).drop(context, name))());
  program
    .command('unlock <lock-id>')
    .description('remove a lock by its exact id, which devs status shows')
    .option('--force', 'even if its holder lives or cannot be judged from here')
    .action((id: string, flags: { force?: boolean }) =>
      act(async (context) => (await import('./commands/unlock.ts')).unlock(context, id, flags))(),
    );
  for (const subcommand of program.commands) subcommand.exitOverride();
}
