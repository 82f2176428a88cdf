import { renderRestore } from '../output/render-restore.ts';
import { shieldFromSignals } from '../processes/signals.ts';
import { newestOperation, nothingToUndo } from '../project/newest-operation.ts';
import { performRestore, type RestoreFlags } from '../project/restore-operation.ts';
import type { CommandContext } from './context.ts';
import { lockIfUsed } from './with-lock.ts';

/**
 * `devs undo`: takes the newest operation back, a run or a restore. A second undo takes back the
 * first.
 */
export async function undo(context: CommandContext, flags: Pick<RestoreFlags, 'force' | 'dryRun'>): Promise<number> {
  const { terminal } = context;
  using _ = shieldFromSignals();
  await using project = await lockIfUsed(context, 'undo');
  if (project === null) throw nothingToUndo('nothing has run here yet');
  const { what, target } = await newestOperation(project.repo, project.log);
  const report = await performRestore(project, target, flags, terminal.progress);
  if (terminal.options.json) terminal.json({ type: 'undo', what, dryRun: flags.dryRun === true, ...report });
  else renderRestore(terminal, what, report, flags.dryRun === true);
  return 0;
}
