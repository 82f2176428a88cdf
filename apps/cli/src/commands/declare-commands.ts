import { Argument, type Command, Option } from 'commander';
import type { RestoreFlags } from '../project/restore-operation.ts';
import type { CommandContext } from './context.ts';
import type { DiffFlags } from './diff.ts';
import type { GcFlags } from './gc.ts';
import type { RunFlags } from './run.ts';

/** Makes an action of a command's work: with its context, its exit code and its errors. */
type Act = (work: (context: CommandContext) => Promise<number>) => () => Promise<void>;

const SHARED_HELP = `
Exit codes:
  the command's own; 128+n when signal n killed it; 1 the lock is held (or "no" of a query); 2 wrong usage;
  124 --timeout ran out; 125 devs itself failed; 126 the command cannot be executed; 127 it was not found

A run is named by its id, the beginning of its id or its last part, its task id (the newest run of it) or @ (the
newest of all).`;

/** Declares options and commands. What a command does is loaded when it is called. */
export function declareCommands(program: Command, version: string, command: readonly string[] | null, act: Act): void {
  program
    .description('Undo for what commands did: runs any command against a git repository as a transaction.')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .option('-C <dir>', 'run as if started in <dir>')
    .option('--json', 'answer, and report errors, as JSON')
    .option('-q, --quiet', 'say nothing but warnings and errors')
    .option('-v, --verbose', 'say what is done, and how long it takes')
    .addHelpText('after', SHARED_HELP)
    // Its errors are rendered as all others.
    .configureOutput({ outputError: () => {} })
    .exitOverride();
  declareRun(program, command, act);
  declareQueries(program, command ?? [], act);
  declareRecovery(program, command ?? [], act);
  declareSetUp(program, command, act);
  for (const subcommand of program.commands) subcommand.copyInheritedSettings(program);
}

function declareRun(program: Command, command: readonly string[] | null, act: Act): void {
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
    .option('--atomic', 'run all tasks as one transaction instead of one each')
    .option('--wait [duration]', 'wait for a held lock, at most so long (default without it: do not wait)')
    .option('--timeout <duration>', 'end the command after so long')
    .option('--force', 'start even beside processes that a killed run left at work')
    .option('--include-ignored <pattern...>', 'capture these ignored files too')
    .action((names: string[], flags: RunFlags) =>
      act(async (context) => (await import('./run.ts')).run(context, names, command, flags))(),
    );
}

function declareQueries(program: Command, morePaths: readonly string[], act: Act): void {
  program
    .command('status')
    .description('who holds the lock, how the last run ended, what can be restored')
    .action(act(async (context) => (await import('./status.ts')).status(context)));
  program
    .command('log')
    .description('the runs, newest first')
    .option('-n <count>', 'how many', '20')
    .action((flags: { n: string }) => act(async (context) => (await import('./log.ts')).log(context, flags.n))());
  program
    .command('show <run>')
    .description('everything that is known of a run')
    .action((name: string) => act(async (context) => (await import('./show.ts')).show(context, name))());
  program
    .command('diff <run> [paths...]')
    .description('what a run changed, as a patch; exit code 1 when there is anything')
    .option('--stat', 'files and numbers of lines')
    .option('--name-only', 'files only')
    .option('--name-status', 'files, and what happened to each')
    .action((name: string, paths: string[], flags: DiffFlags) =>
      act(async (context) => (await import('./diff.ts')).diff(context, name, [...paths, ...morePaths], flags))(),
    );
}

const FORCE_RESTORE = 'overwrite what was done since; it is kept in a safety snapshot';

function declareRecovery(program: Command, morePaths: readonly string[], act: Act): void {
  program
    .command('restore <run> [paths...]')
    .description('bring everything back as it was before the run: files, index, HEAD and branch')
    .option('--files-only', 'leave index, HEAD and branch alone')
    .option('--force', FORCE_RESTORE)
    .option('--dry-run', 'say what would be done')
    .action((name: string, paths: string[], flags: RestoreFlags) =>
      act(async (context) => (await import('./restore.ts')).restore(context, name, [...paths, ...morePaths], flags))(),
    );
  program
    .command('undo')
    .description('take the newest run or restore back; twice: have it again')
    .option('--force', FORCE_RESTORE)
    .option('--dry-run', 'say what would be done')
    .action((flags: RestoreFlags) => act(async (context) => (await import('./undo.ts')).undo(context, flags))());
  program
    .command('drop <run>')
    .description('forget what a run kept; the files stay as they are')
    .action((name: string) => act(async (context) => (await import('./drop.ts')).drop(context, name))());
  program
    .command('gc')
    .description('drop the snapshots of old runs')
    .option('--older-than <duration>', 'those older than this (default: 14d)')
    .option('--keep <count>', 'never those of the newest so many runs; alone: all others')
    .option('--dry-run', 'say what would be dropped')
    .action((flags: GcFlags) => act(async (context) => (await import('./gc.ts')).gc(context, flags))());
  program
    .command('snapshot [label]')
    .description('keep the repository as it is now; devs restore <label> goes back to it')
    .action((label: string | undefined) =>
      act(async (context) => (await import('./snapshot.ts')).snapshot(context, label))(),
    );
  program
    .command('unlock <lock-id>')
    .description('remove a lock by its exact id, which devs status shows')
    .option('--force', 'even if its holder lives or cannot be judged from here')
    .action((id: string, flags: { force?: boolean }) =>
      act(async (context) => (await import('./unlock.ts')).unlock(context, id, flags))(),
    );
  program
    .command('recover')
    .description('put right what a killed devs left, and say what that was')
    .action(act(async (context) => (await import('./recover.ts')).recover(context)));
  program
    .command('doctor')
    .description('look for what could lose work or stop the next run; exit code 1 when there is anything')
    .option('--fix', 'repair what is safe to repair')
    .action((flags: { fix?: boolean }) =>
      act(async (context) => (await import('./doctor.ts')).doctor(context, flags))(),
    );
}

function declareSetUp(program: Command, command: readonly string[] | null, act: Act): void {
  program
    .command('init')
    .description('make a devs.json to fill in')
    .action(act(async (context) => (await import('./init.ts')).init(context)));
  program
    .command('completion')
    .description('print the script that completes devs in a shell')
    .addArgument(new Argument('<shell>', 'bash, zsh or fish'))
    .action((shell: string) => act(async (context) => (await import('./completion.ts')).completion(context, shell))());
  program
    .command('complete', { hidden: true })
    .action(act(async (context) => (await import('./completion.ts')).complete(context, program, command ?? [])));
}
