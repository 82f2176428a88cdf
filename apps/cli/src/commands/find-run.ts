import type { RunLog, RunWithCommand } from '@devs/db';
import { CliError, EXIT_USAGE } from '../errors.ts';
import { viewProject } from '../project.ts';
import type { CommandContext } from './context.ts';

/** The one run that `name` means. @throws CliError `DEVS_RUN_UNKNOWN`, `DEVS_RUN_AMBIGUOUS` */
export async function findRun(log: RunLog | null, name: string): Promise<RunWithCommand> {
  const runs = (await log?.find(name)) ?? [];
  const [run, second] = runs;
  if (run === undefined) {
    throw new CliError('DEVS_RUN_UNKNOWN', `no run is named ${name}`, {
      hint: 'devs log',
      exitCode: EXIT_USAGE,
      data: { name },
    });
  }
  if (second !== undefined) {
    const ids = runs.map(({ id }) => id);
    throw new CliError('DEVS_RUN_AMBIGUOUS', `${name} may mean any of ${ids.join(', ')}`, {
      hint: 'devs log',
      exitCode: EXIT_USAGE,
      data: { name, ids },
    });
  }
  return run;
}

/** As `findRun`, for commands that go on to lock: a name that means nothing must not create a database. */
export async function findRunFirst({ cwd, terminal }: CommandContext, name: string): Promise<RunWithCommand> {
  await using project = await viewProject(cwd, terminal.event);
  // Awaited here: the project is closed when this function returns.
  return await findRun(project.log, name);
}

/** The run's snapshot. @throws CliError `DEVS_RUN_WITHOUT_SNAPSHOT` when it was dropped or restored. */
export function snapshotOf(run: RunWithCommand): string {
  if (run.snapshot_ref !== null) return run.snapshot_ref;
  throw new CliError(
    'DEVS_RUN_WITHOUT_SNAPSHOT',
    `run ${run.id} (task ${run.task_id}, ${run.status}) has no snapshot any more`,
    {
      hint: 'devs log',
      data: { id: run.id, status: run.status },
    },
  );
}
