import { AtomicSnapshot } from '@devs/snapshot';
import { viewProject } from '../project.ts';
import type { CommandContext } from './context.ts';
import { findRun, snapshotOf } from './find-run.ts';

const LETTERS = { added: 'A', deleted: 'D', modified: 'M', 'mode changed': 'X', 'type changed': 'T' } as const;

/**
 * `devs diff`: the files a run changed. A run whose end is unknown is compared with the work tree as it is. Exit code 1
 * when there are any, as `git diff --exit-code`.
 */
export async function diff({ cwd, terminal }: CommandContext, name: string, paths: readonly string[]): Promise<number> {
  await using project = await viewProject(cwd, terminal.event);
  const run = await findRun(project.log, name);
  const { root } = project.repo;
  const before = snapshotOf(run);
  const options = paths.length === 0 ? {} : { paths };
  const entries = await AtomicSnapshot.diff(root, before, run.after_ref ?? undefined, options);
  for (const entry of entries) {
    if (terminal.options.json) terminal.json({ ...entry });
    else terminal.answer(`${LETTERS[entry.status]} ${entry.path}`);
  }
  if (entries.length === 0) terminal.say(`run ${run.id} changed no file`);
  return entries.length === 0 ? 0 : 1;
}
