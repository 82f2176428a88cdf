import { type State, state } from './state.ts';

/** Ignore rules, and what they leave out. */
export const IGNORE: readonly State[] = [
  state('.gitignore edited', 'base; work; echo "*.txt" >>.gitignore'),
  state('.gitignore deleted', 'base; work; rm .gitignore'),
  state(
    '.gitignore untracked',
    'base; git rm -q --cached .gitignore; git commit -qm x; work; echo "/empty" >>.gitignore',
  ),
  state('.gitignore as a link', 'base; mv .gitignore rules; ln -s rules .gitignore; work'),
  state('info/exclude', 'base; mkdir -p .git/info; echo "untracked.txt" >>.git/info/exclude; work'),
  state('ignored by XDG', 'base; mkdir -p ../home/.config/git; echo "untracked.txt" >../home/.config/git/ignore; work'),
  state(
    'ignored by core.excludesFile',
    'base; echo "untracked.txt" >../rules; git config core.excludesFile "$W/rules"; work',
  ),
  state(
    'ignored by GIT_CONFIG_GLOBAL',
    'base; echo "untracked.txt" >../rules; cp ../home/.gitconfig ../global; git config -f ../global core.excludesFile "$W/rules"; work',
    { env: { GIT_CONFIG_GLOBAL: '$W/global' } },
  ),
  state('ignored by GIT_CONFIG_COUNT', 'base; echo "untracked.txt" >../rules; work', {
    env: { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'core.excludesFile', GIT_CONFIG_VALUE_0: '$W/rules' },
  }),
  state('all ignored but text', 'base; printf "*\\n!*.txt\\n!*/\\n" >.gitignore; work'),
  state('dot files not ignored', 'base; printf "/*\\n!/.*\\n!/dir\\n" >.gitignore; echo h >.hidden; work'),
  state(
    'nested rules',
    'base; printf "*.tmp\\n!keep.tmp\\n" >dir/.gitignore; echo t >dir/x.tmp; echo k >dir/keep.tmp; mkdir dir/sub; echo "!*.tmp" >dir/sub/.gitignore; echo s >dir/sub/s.tmp; git add dir/.gitignore; git commit -qm r',
  ),
  state(
    'ignored and tracked',
    'base; echo t >t.log; mkdir build; echo o >build/o.o; git add -f t.log build; git commit -qm t; echo more >>t.log; echo u >build/u.o; echo v >v.log',
  ),
  state(
    'ignored directory with an exception',
    'base; printf "/gen/*\\n!/gen/keep\\n" >>.gitignore; mkdir -p gen/keep gen/drop; echo k >gen/keep/k; echo d >gen/drop/d; git add .gitignore; git commit -qm g',
  ),
  state(
    'local settings',
    'base; printf ".env\\n.env.*\\n*.local\\n" >>.gitignore; git commit -qam i; echo KEY=1 >.env; echo KEY=2 >dir/.env.test; echo l >x.local; chmod 600 .env',
  ),
  state(
    'ignored directory linked elsewhere',
    'base; mkdir ../cache; echo c >../cache/c; ln -s ../cache build; echo u >u.txt',
  ),
];
