import { type State, state } from './state.ts';

const SUB = `git init -q -b main ../sub; (cd ../sub; echo s >s.txt; git add s.txt; git commit -qm s);`;

/** Where the work tree, the git directory and other repositories are. */
export const LAYOUTS: readonly State[] = [
  state('linked work tree', 'base; git worktree add -q ../linked topic; cd ../linked; echo u >u.txt; echo c >>b.txt', {
    cwd: 'linked',
    tree: 'linked',
  }),
  state('main beside a linked work tree', 'base; git worktree add -q ../linked topic; work'),
  state('linked work tree inside the main one', 'base; git worktree add -q inside topic; echo u >u.txt'),
  state(
    'worktree configuration',
    'base; git config extensions.worktreeConfig true; git config --worktree core.fileMode true; git worktree add -q ../linked topic; work',
  ),
  state('submodule', `base; ${SUB} git submodule --quiet add ../sub sub; git commit -qm sub; settle`),
  state(
    'submodule with changes',
    `base; ${SUB} git submodule --quiet add ../sub sub; git commit -qm sub; echo more >>sub/s.txt; echo u >sub/u.txt`,
  ),
  state(
    'submodule, not initialised',
    `base; ${SUB} git submodule --quiet add ../sub sub; git commit -qm sub; git submodule --quiet deinit -f sub`,
  ),
  state(
    'submodule, files at its path',
    `base; ${SUB} git submodule --quiet add ../sub sub; git commit -qm sub; git submodule --quiet deinit -f sub; echo mine >sub/mine.txt`,
  ),
  state(
    'submodule staged at another commit',
    `base; ${SUB} git submodule --quiet add ../sub sub; git commit -qm sub; (cd sub; echo 2 >s.txt; git commit -qam 2); git add sub`,
  ),
  state(
    'nested repository',
    'base; git init -q nested; (cd nested; echo n >n.txt; git add n.txt; git commit -qm n; echo u >u.txt); echo u >u.txt',
  ),
  state('nested repository without commits', 'base; git init -q nested; echo n >nested/n.txt; echo u >u.txt'),
  state(
    'nested repository as a gitlink',
    'base; git init -q nested; (cd nested; echo n >n.txt; git add n.txt; git commit -qm n); git add nested 2>/dev/null; git commit -qm gitlink',
  ),
  state('.git that is an empty directory, below', 'base; mkdir -p notes/.git; echo n >notes/n.txt'),
  state(
    '.git that is a dangling file, below',
    'base; mkdir notes; echo "gitdir: $W/nowhere" >notes/.git; echo n >notes/n.txt',
  ),
  state('symlinked .git', 'base; mv .git ../real.git; ln -s ../real.git .git; work'),
  state('separate git directory', 'base; git init -q --separate-git-dir ../real.git; work'),
  state(
    'core.worktree',
    'base; mkdir ../tree; cp -a . ../tree/; rm -rf ../tree/.git; git config core.worktree "$W/tree"; echo u >../tree/u.txt',
    { tree: 'tree' },
  ),
  state('GIT_DIR and GIT_WORK_TREE', 'base; work; mv .git ../elsewhere.git', {
    env: { GIT_DIR: '$W/elsewhere.git', GIT_WORK_TREE: '$W/repo' },
  }),
  state('GIT_DIR alone', 'base; work; mv .git ../elsewhere.git', { env: { GIT_DIR: '$W/elsewhere.git' } }),
  state('from a subdirectory', 'base; work', { cwd: 'repo/dir' }),
  state('alternates', 'base; cd ..; mv repo source; git clone -q -s source repo; cd repo; git config user.x y; work'),
  state('shallow clone', 'base; cd ..; mv repo source; git clone -q --depth 1 "file://$W/source" repo; cd repo; work'),
  state(
    'clone with an upstream',
    'base; cd ..; mv repo source; git clone -q source repo; cd repo; echo l >l.txt; git add l.txt; git commit -qm local; work',
  ),
  state(
    'partial clone',
    'base; git config uploadpack.allowFilter true; cd ..; mv repo source; git clone -q --filter=blob:none "file://$W/source" repo; cd repo; work',
  ),
  state(
    'shared repository',
    'base; git config core.sharedRepository group; chmod -R g+w .git; find .git -type d -exec chmod g+s {} +; work',
  ),
  state('HEAD as a symbolic link', 'base; rm .git/HEAD; ln -s refs/heads/main .git/HEAD'),
  state('packed objects', 'base; git gc -q; work'),
];
