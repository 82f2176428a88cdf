import { type State, state } from './state.ts';

/** Operations of git that are in progress. */
export const OPERATIONS: readonly State[] = [
  state('merge with conflicts', 'base; git merge -q topic >/dev/null || :; echo u >u.txt'),
  state(
    'merge, conflict resolved, not committed',
    'base; git merge -q topic >/dev/null || :; echo r >a.txt; git add a.txt; echo u >u.txt',
  ),
  state(
    'merge --no-commit',
    'base; git merge -q --no-ff --no-commit other~0 >/dev/null || :; git merge --no-commit -q -s ours topic >/dev/null || :',
  ),
  state('squash merge', 'base; git merge -q --squash -X ours topic >/dev/null'),
  state(
    'rebase stopped at a conflict',
    'base; git switch -q topic; echo u >u.txt; git rebase main >/dev/null 2>&1 || :',
  ),
  state(
    'rebase -i stopped at an edit',
    'base; GIT_SEQUENCE_EDITOR="sed -i s/^pick/edit/" git rebase -q -i HEAD~1 >/dev/null 2>&1 || :; echo e >>b.txt',
  ),
  state(
    'rebase with merges, stopped',
    'base; git merge -q -s ours -m merged topic; git switch -qc more; echo m >m.txt; git add m.txt; git commit -qm more; GIT_SEQUENCE_EDITOR="sed -i -e s/^pick/edit/" git rebase -q -i -r HEAD~2 >/dev/null 2>&1 || :',
  ),
  state('rebase --apply stopped', 'base; git switch -q topic; git rebase --apply main >/dev/null 2>&1 || :'),
  state(
    'rebase with autostash, stopped',
    'base; git switch -q topic; echo w >>b.txt; git rebase --autostash main >/dev/null 2>&1 || :',
  ),
  state('cherry-pick with conflicts', 'base; git cherry-pick topic >/dev/null 2>&1 || :'),
  state(
    'cherry-pick of several, stopped',
    'base; git switch -q other; git cherry-pick main topic >/dev/null 2>&1 || :',
  ),
  state(
    'revert with conflicts',
    'base; echo x >a.txt; git commit -qam third; git revert --no-edit HEAD~1 >/dev/null 2>&1 || :',
  ),
  state(
    'bisect',
    'base; for i in 1 2 3 4; do echo $i >>b.txt; git commit -qam $i; done; git bisect start >/dev/null; git bisect bad HEAD >/dev/null; git bisect good HEAD~4 >/dev/null',
  ),
  state(
    'am stopped',
    'base; git format-patch -q -1 topic -o ../patches; git am ../patches/*.patch >/dev/null 2>&1 || :; echo u >u.txt',
  ),
  state(
    'stash pop with conflicts',
    'base; echo s >a.txt; git stash -q; echo t >a.txt; git commit -qam third; git stash pop >/dev/null 2>&1 || :',
  ),
  state('rerere and a conflict', 'base; git config rerere.enabled true; git merge -q topic >/dev/null 2>&1 || :'),
  state(
    'conflict of delete and change',
    'base; git switch -qc del; git rm -q b.txt; git commit -qm del; git switch -q main; echo m >>b.txt; git commit -qam b; git merge -q del >/dev/null 2>&1 || :',
  ),
];
