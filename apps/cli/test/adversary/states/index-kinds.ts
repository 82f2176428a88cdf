import { type State, state } from './state.ts';

/** Kinds of index, and bits in it. */
export const INDEX_KINDS: readonly State[] = [
  state('index v4', 'base; git update-index --index-version 4; work'),
  state('split index', 'base; git update-index --split-index; work'),
  state('split index, untouched', 'base; git update-index --split-index'),
  state('untracked cache', 'base; git update-index --untracked-cache; work; git status >/dev/null'),
  state('assume-unchanged, edited', 'base; git update-index --assume-unchanged a.txt; echo hidden >>a.txt'),
  state('assume-unchanged, deleted', 'base; git update-index --assume-unchanged a.txt; rm a.txt'),
  state('skip-worktree, edited', 'base; git update-index --skip-worktree a.txt; echo hidden >>a.txt'),
  state('skip-worktree, deleted', 'base; git update-index --skip-worktree a.txt; rm a.txt'),
  state('sparse checkout', 'base; git sparse-checkout set --no-cone "/*" "!/dir/"'),
  state(
    'sparse checkout, cone',
    'base; mkdir other; echo o >other/o.txt; git add other; git commit -qm o; git sparse-checkout set dir; echo u >dir/u.txt',
  ),
  state(
    'sparse checkout, file there all the same',
    'base; git sparse-checkout set --no-cone "/*" "!/dir/"; mkdir -p dir; echo mine >dir/c.txt',
  ),
  state(
    'sparse index',
    'base; mkdir -p o1/o2; echo o >o1/o2/o.txt; git add o1; git commit -qm o; git sparse-checkout set --sparse-index dir; echo u >>dir/c.txt',
  ),
  state(
    'unmerged, by hand',
    'base; h=$(git hash-object -w a.txt); printf "0 0000000000000000000000000000000000000000\\ta.txt\\n100644 $h 1\\ta.txt\\n100644 $h 2\\ta.txt\\n" | git update-index --index-info',
  ),
  state('index.lock left behind', 'base; work; : >.git/index.lock'),
  state('no index file', 'base; rm .git/index'),
  state('damaged index', 'base; printf x | dd of=.git/index bs=1 seek=40 conv=notrunc 2>/dev/null', {
    mayRefuse: 'the index cannot be read',
  }),
  state('empty index, files there', 'base; git rm -rq --cached .'),
  state(
    'a missing blob of an unmodified file',
    'base; h=$(git rev-parse HEAD:b.txt); rm -f .git/objects/$(echo $h | cut -c1-2)/$(echo $h | cut -c3-)',
  ),
];
