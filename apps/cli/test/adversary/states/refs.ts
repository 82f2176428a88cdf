import { type State, state } from './state.ts';

/** References, and configuration that changes what git does. */
export const REFS: readonly State[] = [
  state('packed refs', 'base; git pack-refs --all; work'),
  state(
    'symbolic branch',
    'base; git symbolic-ref refs/heads/alias refs/heads/main; git symbolic-ref HEAD refs/heads/alias; work',
  ),
  state('orphan branch', 'base; git switch -q --orphan bare; echo o >o.txt'),
  state('unborn branch with a full index', 'base; git symbolic-ref HEAD refs/heads/unborn; work'),
  state('branches in folders', 'base; git branch topic2/one; git branch feat/a/b; git switch -q feat/a/b; work'),
  state(
    'replaced objects',
    'base; git replace HEAD~1 other; git replace $(git rev-parse HEAD:b.txt) $(git rev-parse HEAD:dir/c.txt); work',
  ),
  state('notes', 'base; git notes add -m note HEAD; work'),
  state('stash entries', 'base; echo s >>b.txt; git stash -q; echo t >n.txt; git stash -qu; work'),
  state('tags', 'base; git tag -a -m annotated v2; git tag light; git tag tagtag v2; work'),
  state('no reflogs', 'base; git config core.logAllRefUpdates false; rm -r .git/logs; work'),
  state('fifty branches', 'base; for i in $(seq 50); do git branch many/$i; done; work'),
  state(
    'hooks',
    'base; for h in pre-commit post-commit post-checkout post-merge pre-push reference-transaction; do printf "#!/bin/sh\\necho $h >>.git/hooks-ran\\n" >.git/hooks/$h; chmod +x .git/hooks/$h; done; work',
  ),
  state(
    'hooks that refuse',
    'base; printf "#!/bin/sh\\nexit 1\\n" >.git/hooks/pre-commit; cp .git/hooks/pre-commit .git/hooks/reference-transaction; chmod +x .git/hooks/pre-commit; work',
  ),
  state(
    'fsmonitor hook',
    'base; printf "#!/bin/sh\\nprintf token/" >.git/fsm; chmod +x .git/fsm; git config core.fsmonitor "$W/repo/.git/fsm"; git status >/dev/null 2>&1 || :; work',
  ),
  state(
    'includeIf',
    'base; echo "untracked.txt" >../rules; printf "[core]\\nexcludesFile = $W/rules\\n" >../extra; git config "includeIf.gitdir:$W/.path" "$W/extra"; git config "includeIf.onbranch:main.path" "$W/extra"; work',
  ),
  state(
    'core.ignoreCase',
    'base; git config core.ignoreCase true; echo 1 >Case.txt; git add Case.txt; git commit -qm c; work',
  ),
  state('core.symlinks off', 'base; git config core.symlinks false; rm link; git checkout -q -- link; work'),
  state('grafts', 'base; mkdir -p .git/info; git rev-parse HEAD >.git/info/grafts; work'),
];
