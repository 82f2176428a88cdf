/** A kind of repository that a case starts from, as the shell script that makes it. */
export interface State {
  readonly name: string;
  /**
   * Makes the repository, in the empty directory `$W/repo`, with the functions of `PRELUDE` at hand. `$W/home` is HOME.
   */
  readonly script: string;
  /** The environment of every later command; `$W` in it stands for the case's directory. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where every later command runs, below `$W`. */
  readonly cwd?: string;
  /** Where the work tree is, below `$W`. */
  readonly tree?: string;
  /** The script runs for each case: a copied file has another inode and another change time than its index entry. */
  readonly isFresh?: boolean;
  /** What git status says rests on the stat of files whose bytes would say otherwise; a file that was written has another. */
  readonly restsOnStat?: boolean;
  /** Runs as root after the repository was given to another user; the case then needs root. */
  readonly asRoot?: string;
  /** Why `devs run` may refuse this state; without it, a refusal is a finding. */
  readonly mayRefuse?: string;
}

/** Shell functions of the scripts that make states. */
export const PRELUDE = `set -e
# Files older than the index, so that their stat can prove them clean.
settle() { find . -name .git -prune -o -type f -exec touch -h -d '2 hours ago' {} +; git update-index -q --refresh || :; }
# Two commits on main, a branch that conflicts with it, one that does not.
base() {
  git init -q -b main
  mkdir dir
  for name in a b dir/c dir/d; do printf '%s\\n' "$name" one two three >$name.txt; done
  printf '#!/bin/sh\\n' >script.sh
  chmod 755 script.sh
  ln -s a.txt link
  printf '*.log\\n/build/\\n' >.gitignore
  settle
  git add -A
  git commit -qm first
  git branch other
  git switch -qc topic
  printf 'topic\\n' >a.txt
  printf 'new\\n' >t.txt
  git add -A
  git commit -qm topic
  git switch -q main
  printf 'main\\n' >a.txt
  git commit -qam second
  git tag v1
  settle
}
# Work in progress of the common kinds.
work() {
  printf 'staged\\n' >>b.txt
  git add b.txt
  printf 'not staged\\n' >>b.txt
  printf 'changed\\n' >>dir/c.txt
  git rm -q --cached dir/d.txt
  printf 'exists nowhere else\\n' >untracked.txt
  mkdir -p 'new dir' empty build
  printf 'untracked too\\n' >'new dir/n.txt'
  printf 'mine\\n' >secret.txt
  chmod 600 secret.txt
  printf 'ignored\\n' >ignored.log
  printf 'made\\n' >build/out.o
}
`;

export function state(name: string, script: string, options: Omit<State, 'name' | 'script'> = {}): State {
  return { name, script, ...options };
}
