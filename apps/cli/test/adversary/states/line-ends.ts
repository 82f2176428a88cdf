import { type State, state } from './state.ts';

/** LF in the repository, CRLF on the disk, and clean by its stat: `lines.txt`. */
const CHECKED_OUT = `printf 'one\\ntwo\\n' >lines.txt; git add lines.txt; git commit -qm lines;`;
const AGAIN = 'rm lines.txt; git checkout -q -- lines.txt; settle;';

function fresh(name: string, script: string, options: Omit<State, 'name' | 'script'> = {}): State {
  return state(name, script, { isFresh: true, restsOnStat: true, ...options });
}

/** Attributes, conversions, and those that changed since the checkout. */
export const LINE_ENDS: readonly State[] = [
  fresh(
    'CRLF in the repository',
    `base; printf 'a\\r\\nb\\r\\n' >crlf.txt; git add crlf.txt; git commit -qm crlf; printf 'c\\r\\n' >u.txt`,
  ),
  fresh(
    'eol=crlf',
    `base; echo '*.txt text eol=crlf' >.gitattributes; git add .gitattributes; ${CHECKED_OUT} ${AGAIN}`,
  ),
  fresh(
    'eol=crlf, edited',
    `base; echo '*.txt text eol=crlf' >.gitattributes; git add .gitattributes; ${CHECKED_OUT} ${AGAIN} printf 'three\\r\\n' >>lines.txt`,
  ),
  fresh(
    'attributes removed, uncommitted',
    `base; echo '*.txt text eol=crlf' >.gitattributes; git add .gitattributes; ${CHECKED_OUT} ${AGAIN} rm .gitattributes`,
  ),
  fresh(
    'attributes removed by a commit',
    `base; echo '*.txt text eol=crlf' >.gitattributes; git add .gitattributes; ${CHECKED_OUT} ${AGAIN} git rm -q .gitattributes; git commit -qm removed`,
  ),
  fresh(
    'attributes emptied',
    `base; echo '*.txt text eol=crlf' >.gitattributes; git add .gitattributes; ${CHECKED_OUT} ${AGAIN} : >.gitattributes`,
  ),
  fresh(
    'attributes by a macro, switched off',
    `base; printf '[attr]win text eol=crlf\\n*.txt win\\n' >.gitattributes; git add .gitattributes; ${CHECKED_OUT} ${AGAIN} printf '[attr]win -text\\n*.txt win\\n' >.gitattributes`,
  ),
  fresh(
    'attributes in info, removed',
    `base; mkdir -p .git/info; echo '*.txt text eol=crlf' >.git/info/attributes; ${CHECKED_OUT} ${AGAIN} rm .git/info/attributes`,
  ),
  fresh(
    'attributes by XDG, removed',
    `base; mkdir -p ../home/.config/git; echo '*.txt text eol=crlf' >../home/.config/git/attributes; ${CHECKED_OUT} ${AGAIN} rm ../home/.config/git/attributes`,
  ),
  fresh('autocrlf', `base; git config core.autocrlf true; ${CHECKED_OUT} ${AGAIN}`),
  fresh(
    'autocrlf, switched off',
    `base; git config core.autocrlf true; ${CHECKED_OUT} ${AGAIN} git config core.autocrlf false`,
  ),
  fresh(
    'autocrlf, by GIT_CONFIG_GLOBAL, gone',
    `base; printf '[core]\\nautocrlf=true\\n' >../global; (cat ../home/.gitconfig >>../global; GIT_CONFIG_GLOBAL=$W/global; export GIT_CONFIG_GLOBAL; ${CHECKED_OUT} ${AGAIN})`,
  ),
  fresh(
    'attributes outside the sparse checkout',
    `base; mkdir sub; echo '*.txt text eol=crlf' >sub/.gitattributes; printf 'one\\ntwo\\n' >sub/lines.txt; git add sub; git commit -qm sub; rm sub/lines.txt; git checkout -q -- sub; settle; git update-index --skip-worktree sub/.gitattributes; rm sub/.gitattributes`,
  ),
  fresh(
    'ident',
    `base; echo '*.txt ident' >.gitattributes; printf '$Id$\\n' >id.txt; git add -A; git commit -qm ident; rm id.txt; git checkout -q -- id.txt; settle`,
  ),
  fresh(
    'filter',
    `base; git config filter.up.clean 'tr A-Z a-z'; git config filter.up.smudge 'tr a-z A-Z'; echo '*.up filter=up' >.gitattributes; echo abc >f.up; git add -A; git commit -qm up; rm f.up; git checkout -q -- f.up; settle; echo DEF >>f.up`,
  ),
  fresh(
    'filter, its tool gone',
    `base; git config filter.up.clean 'tr A-Z a-z'; git config filter.up.smudge 'tr a-z A-Z'; echo '*.up filter=up' >.gitattributes; echo abc >f.up; git add -A; git commit -qm up; rm f.up; git checkout -q -- f.up; settle; git config filter.up.clean no-such-tool; git config filter.up.smudge no-such-tool`,
  ),
  fresh(
    'filter, no longer configured',
    `base; git config filter.up.clean 'tr A-Z a-z'; git config filter.up.smudge 'tr a-z A-Z'; echo '*.up filter=up' >.gitattributes; echo abc >f.up; git add -A; git commit -qm up; rm f.up; git checkout -q -- f.up; settle; git config --remove-section filter.up`,
  ),
  fresh(
    'working-tree-encoding',
    `base; echo '*.u16 working-tree-encoding=UTF-16' >.gitattributes; printf 'a\\nb\\n' | iconv -t UTF-16 >t.u16; git add -A; git commit -qm u16; rm t.u16; git checkout -q -- t.u16; settle`,
  ),
  fresh(
    'attributes added later, uncommitted',
    `base; printf 'a\\r\\nb\\r\\n' >crlf.txt; git add crlf.txt; git commit -qm crlf; settle; echo '* text=auto' >.gitattributes`,
  ),
];
