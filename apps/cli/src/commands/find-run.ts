import type { Run, RunLog } from '@devs/db';
import { CliError, EXIT_USAGE } from '../base/errors.ts';

/**
 * The one run that `name` means. `log` is null where nothing has run yet. @throws CliError
 * `DEVS_RUN_UNKNOWN`, `DEVS_RUN_AMBIGUOUS`
 */
export async function findRun(log: RunLog | null, name: string): Promise<Run> {
  const runs = (await log?.find(name)) ?? [];
  const [run, second] = runs;
  if (run === undefined) throw unknownRun(name);
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

export function unknownRun(name: string): CliError {
  return new CliError('DEVS_RUN_UNKNOWN', `no run is named ${name}`, {
    hint: ['devs', 'log'],
    exitCode: EXIT_USAGE,
    data: { name },
  });
}
