import { renderRestore } from '../output/render-restore.ts';
import { shieldFromSignals } from '../processes/run-child.ts';
import { findProject } from '../project/find-project.ts';
import { newestOperation, nothingToUndo } from '../project/newest-operation.ts';
import { performRestore, type RestoreFlags } from '../project/restore-operation.ts';
import { viewProject } from '../project/view-project.ts';
import type { CommandContext } from './context.ts';
import { lockFor } from './with-lock.ts';

/** `devs undo`: takes the newest operation back, a run or a restore. Twice in a row: what was taken back is there again. */
export async function undo(context: CommandContext, flags: Pick<RestoreFlags, 'force' | 'dryRun'>): Promise<number> {
  const { terminal } = context;
  using _ = shieldFromSignals();
  await assertHasHistory(context);
  await using project = await lockFor(context, 'undo');
  const { what, target } = await newestOperation(project.repo, project.log);
  const report = await performRestore(project, target, flags, terminal.progress);
  if (terminal.options.json) terminal.json({ type: 'undo', what, dryRun: flags.dryRun === true, ...report });
  else renderRestore(terminal, what, report, flags.dryRun === true);
  return 0;
}

/** Where nothing ever ran, no database must come into being. */
async function assertHasHistory(context: CommandContext): Promise<void> {
  await using view = await viewProject(findProject(context), context.terminal.event);
  if (view.log === null) throw nothingToUndo('nothing has run here yet');
}
