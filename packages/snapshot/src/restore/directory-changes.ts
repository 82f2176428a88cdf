import type { BytePath } from '../base/byte-path.ts';
import { SYMLINK } from '../objects/trees.ts';
import { recordedPermissions, TOP } from '../scan/permissions.ts';
import type { LoadedSnapshot } from '../snapshot/load-snapshot.ts';
import type { RestorePlan } from './restore-plan.ts';

/** The states that a restore goes by: the repository as the run left it, and as it is. */
export interface States {
  readonly after: LoadedSnapshot;
  readonly now: LoadedSnapshot;
}

/**
 * The paths whose permissions, and the empty directories, that changed after the run and that the
 * plan would change back. Directories end in a slash.
 */
export function changedDirectoriesAndPermissions(plan: RestorePlan, { after, now }: States): BytePath[] {
  const emptyThen = new Set(after.manifest.emptyDirectories);
  const emptyNow = new Set(now.manifest.emptyDirectories);
  const isNewMode = (path: BytePath, mode: number) => {
    const [then, today] = [after, now].map(({ manifest }) =>
      path === TOP
        ? Number.parseInt(manifest.rootPermissions ?? '0', 8)
        : recordedPermissions(manifest.permissions, path, mode),
    ) as [number, number];
    // A restore gives no setuid, setgid or sticky bit: one that is missing is no change of the
    // user's.
    return ((then ^ today) & 0o777) !== 0 || (today & ~then) !== 0;
  };
  // What is not there now has no permissions that the plan could change back.
  const replaced = [...plan.writes, ...plan.deletions].filter(({ from }) => from !== null && from.mode !== SYMLINK);
  return [
    ...plan.removeDirectories.filter((dir) => emptyNow.has(dir) && !emptyThen.has(dir)).map((dir) => `${dir}/`),
    ...plan.createDirectories.filter((dir) => emptyThen.has(dir) && !emptyNow.has(dir)).map((dir) => `${dir}/`),
    ...plan.permissions.filter(({ path, mode }) => isNewMode(path, mode)).map(({ path }) => path),
    ...replaced.filter(({ path, from }) => isNewMode(path, from!.mode)).map(({ path }) => path),
  ];
}
