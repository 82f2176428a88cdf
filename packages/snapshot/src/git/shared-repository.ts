import { AtomicSnapshotError } from '../base/errors.ts';
import { parseSharing, type Sharing } from '../base/sharing.ts';
import type { Repository } from './repository.ts';

/**
 * Who may use the files that git, and so devs, makes in the git directory.
 * @throws AtomicSnapshotError `DEVS_CONFIG_INVALID` where git refuses the value, too.
 */
export function sharingOf({ config, root }: Pick<Repository, 'config' | 'root'>): Sharing {
  const value = config.get('core.sharedrepository');
  const sharing = parseSharing(value);
  if (sharing !== null) return sharing;
  throw new AtomicSnapshotError(
    'DEVS_CONFIG_INVALID',
    `core.sharedRepository of ${root} is '${value}', which is neither a name that git knows nor a mode of at least 0600`,
    { hint: ['git', 'config', '--show-origin', 'core.sharedRepository'], data: { path: root } },
  );
}
