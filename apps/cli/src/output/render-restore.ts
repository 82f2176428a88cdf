import type { RestoreReport } from '@devs/snapshot';
import { quotePath } from './escape.ts';
import { describeLeftAlone } from './left-alone.ts';
import type { Terminal } from './terminal.ts';

/** Says what a restore did, or would do. `what`: which run it was. */
export function renderRestore(terminal: Terminal, what: string, report: RestoreReport, dryRun: boolean): void {
  const { written, deleted, permissions, spared } = report;
  if (dryRun || terminal.options.verbose) {
    for (const path of written) terminal.answer(`write   ${quotePath(path)}`);
    for (const path of deleted) terminal.answer(`delete  ${quotePath(path)}`);
    for (const path of permissions) terminal.answer(`chmod   ${quotePath(path)}`);
    for (const path of spared) terminal.answer(`spare   ${quotePath(path)} (not part of the snapshot)`);
  }
  const counts = `${written.length} written, ${deleted.length} deleted, ${permissions.length} permissions`;
  for (const line of describeLeftAlone(report)) terminal.say(line);
  if (dryRun) terminal.say(`would restore ${what}: ${counts}`);
  else terminal.say(`restored ${what}: ${counts}; to undo this: ${terminal.hint(['devs', 'undo'])}`);
}
