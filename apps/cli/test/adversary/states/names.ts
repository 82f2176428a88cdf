import { type State, state } from './state.ts';

/** Names that break what quotes, splits, folds or looks them up carelessly. */
export const NAMES: readonly State[] = [
  state(
    'newline, quotes, backslash',
    `base; for n in "new
line" 'qu"ote' "qu'ote" 'back\\slash' 'tab	tab' ' lead' 'trail '; do echo x >"$n"; git add "$n"; echo y >"$n.u"; done; git commit -qm names; echo z >>'qu"ote'`,
  ),
  state(
    'not UTF-8',
    `base; n=$(printf 'caf\\351'); echo x >"$n.txt"; git add -A; git commit -qm n; echo y >>"$n.txt"; mkdir "$n"; echo u >"$n/u.txt"`,
  ),
  state(
    'leading dash',
    'base; echo x >./-rf; echo y >./--; git add -A -- .; git commit -qm dash; echo z >./-n; echo w >>./-rf',
  ),
  state(
    'names of Object.prototype',
    'base; mkdir __proto__ constructor; for n in toString valueOf hasOwnProperty __proto__/a constructor/__proto__; do echo $n >$n; done; git add toString __proto__; git commit -qm proto; chmod 600 toString; chmod 700 constructor',
  ),
  state(
    'pairs that differ in case',
    'base; echo 1 >Case.txt; echo 2 >case.txt; git add Case.txt; git commit -qm c; mkdir Dir2 dir2; echo a >Dir2/x; echo b >dir2/x',
  ),
  state(
    'composed and decomposed',
    `base; c=$(printf '\\303\\251'); d=$(printf 'e\\314\\201'); echo 1 >"$c"; echo 2 >"$d"; git add "$c"; git commit -qm c`,
  ),
  state(
    'glob characters',
    `base; for n in '*' '?' '[a]' '{b}' '!c' '#d' ':e' '$f' '~g'; do echo x >"./$n"; done; git add -A; git commit -qm g; echo y >>'./*'; echo u >'./[u]*'`,
  ),
  state(
    'long names',
    'base; n=$(printf "%0200d" 7); echo x >$n; git add $n; git commit -qm l; mkdir u$n; echo y >u$n/$n; echo z >>$n',
  ),
  state(
    "names like git's",
    'base; mkdir refs objects; echo x >HEAD; echo y >index; echo z >refs/heads; echo g >.gitfoo; git add -A; git commit -qm g; echo u >config; echo w >>HEAD; echo m >main; echo t >topic',
  ),
  state(
    'names like those of devs',
    'base; mkdir .devs; echo x >.devs/x; echo j >devs.json; echo y >.devsrc; git add .devs; git commit -qm d; echo u >.devs/u',
  ),
];
