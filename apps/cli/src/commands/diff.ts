import { AtomicSnapshot, type DiffEntry } from '@devs/snapshot';
import { stat } from '../output/diff-stat.ts';
import { quotePath } from '../output/escape.ts';
import { page } from '../output/pager.ts';
import { assertKnownPaths } from '../project/assert-known-paths.ts';
import { findProject } from '../project/find-project.ts';
import { snapshotOf } from '../project/restore-operation.ts';
import { viewProject } from '../project/view-project.ts';
import { workTreePaths } from '../project/work-tree-paths.ts';
import type { CommandContext } from './context.ts';
import { findRun } from './find-run.ts';

export interface DiffFlags {
  readonly stat?: boolean;
  readonly nameOnly?: boolean;
  readonly nameStatus?: boolean;
}

const LETTERS = { added: 'A', deleted: 'D', modified: 'M', 'mode changed': 'X', 'type changed': 'T' } as const;

/**
 * `devs diff`: what a run changed, as a patch. A run whose end is unknown, and a checkpoint, are
 * compared with the work tree as it is. Exit code 1 when there are changes, as `git diff
 * --exit-code`.
 */
export async function diff(
  context: CommandContext,
  name: string,
  paths: readonly string[],
  flags: DiffFlags,
): Promise<number> {
  const { cwd, terminal } = context;
  await using project = await viewProject(findProject(context), terminal.event);
  const run = await findRun(project.log, name);
  const { root } = project.repo;
  const isNames = flags.nameOnly === true || flags.nameStatus === true;
  const isPatch = !terminal.options.json && !isNames && flags.stat !== true;
  const wanted = workTreePaths(paths, cwd, root);
  const [before, after] = [run.snapshotOid ?? snapshotOf(run), run.afterOid ?? run.afterRef];
  await assertKnownPaths(project.repo, [before, after], wanted);
  const entries = await AtomicSnapshot.diff(project.repo, before, after ?? undefined, {
    ...(wanted.length === 0 ? {} : { paths: wanted }),
    lines: !isNames,
    patch: isPatch,
  });
  if (terminal.options.json) for (const entry of entries) terminal.json({ ...entry });
  else if (entries.length === 0) terminal.say(`no file differs from ${run.id}`);
  else if (isPatch)
    await page(
      { ...context, root, configured: project.repo.config.trusted('core.pager') },
      Buffer.concat(entries.map(patchOf)),
    );
  else for (const line of linesOf(entries, flags)) terminal.answer(...line);
  return entries.length === 0 ? 0 : 1;
}

function linesOf(entries: readonly DiffEntry[], { nameOnly, nameStatus }: DiffFlags): string[][] {
  if (nameOnly === true) return entries.map(({ path }) => [quotePath(path)]);
  if (nameStatus === true) return entries.map(({ status, path }) => [LETTERS[status], '\t', quotePath(path)]);
  return stat(entries).map((line) => [line]);
}

/** A submodule has no patch of its own. */
function patchOf({ patch, path }: DiffEntry): Buffer {
  return patch ?? Buffer.from(`submodule ${quotePath(path)} moved\n`);
}
