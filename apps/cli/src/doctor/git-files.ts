import { AtomicSnapshot, AtomicSnapshotError } from '@devs/snapshot';
import type { Check } from './finding.ts';

const HINT = ['devs', 'log'] as const;

/** HEAD, its branch and commit, and the index: no run starts where one of them cannot be read. */
export const gitFiles: Check = ({ repo }) => {
  try {
    // Git lets nothing of this name be tracked, so both the index and HEAD's tree are searched.
    AtomicSnapshot.isTracked(repo, '.git');
    return [{ check: 'git files', ok: true, message: 'HEAD and the index can be read' }];
  } catch (error) {
    if (!(error instanceof AtomicSnapshotError)) throw error;
    const message = `${error.message}: no run can start; devs restore --force brings back how it was before a run`;
    return [{ check: 'git files', ok: false, message, hint: HINT }];
  }
};
