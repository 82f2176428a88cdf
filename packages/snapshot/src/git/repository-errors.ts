import { AtomicSnapshotError, type Hint } from '../base/errors.ts';

export function notARepository(file: string, what: string, hint: Hint): AtomicSnapshotError {
  return new AtomicSnapshotError('DEVS_NOT_A_REPOSITORY', `${file} ${what}`, { hint, data: { path: file } });
}

export function bareRepository(dir: string): AtomicSnapshotError {
  return new AtomicSnapshotError(
    'DEVS_BARE_REPOSITORY',
    `${dir} is a bare repository: there is no work tree to protect`,
    { hint: ['git', '-C', dir, 'worktree', 'add', '../work'], data: { path: dir } },
  );
}
