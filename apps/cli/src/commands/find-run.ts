import type { Run, RunLog } from '@devs/db';
import { CliError, EXIT_USAGE } from '../base/errors.ts';
import { findProject } from '../project/find-project.ts';
import { viewProject } from '../project/view-project.ts';
import type { CommandContext } from './context.ts';

/** The one run that `name` means. @throws CliError `DEVS_RUN_UNKNOWN`, `DEVS_RUN_AMBIGUOUS` */
export async function findRun(log: RunLog | null, name: string): Promise<Run> {
  const runs = (await log?.find(name)) ?? [];
  const [run, second] = runs;
  if (run === undefined) {
    throw new CliError('DEVS_RUN_UNKNOWN', `no run is named ${name}`, {
      hint: ['devs', 'log'],
      exitCode: EXIT_USAGE,
      data: { name },
    });
  }
  if (second !== undefined) {
    const ids = runs.map(({ id }) => id);
    throw new CliError('DEVS_RUN_AMBIGUOUS', `${name} may mean any of ${ids.join(', ')}`, {
      hint: ['devs', 'log'],
      exitCode: EXIT_USAGE,
      data: { name, ids },
    });
  }
  return run;
}

/** As `findRun`, for commands that go on to lock: a name that means nothing must not create a database. */
export async function findRunFirst(context: CommandContext, name: string): Promise<Run> {
  await using project = await viewProject(findProject(context), context.terminal.event);
  // Awaited here: the project is closed when this function returns.
  return await findRun(project.log, name);
}
