/**
 * What makes a shell complete devs's words. Each script asks `devs complete` for the candidates of
 * the last word, one a line.
 *
 * Candidates are names that the author of a repository chose. So each script hands them to its
 * shell as data: nothing is expanded, split or matched against files, and what arrives on the
 * command line is one quoted word.
 */
export const COMPLETION_SCRIPTS: Readonly<Record<string, string>> = {
  // Readline inserts COMPREPLY as it is, so that %q has to quote it. It also takes a colon for the
  // end of a word and replaces only what follows the last one. Bash 3.2 (macOS) has no mapfile.
  bash: `_devs() {
  local word glued='' current kept candidate quoted
  local -a words=()
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [[ ( $word == :* || -n $glued ) && \${#words[@]} -gt 0 ]]; then
      words[\${#words[@]}-1]+=$word
    else
      words+=("$word")
    fi
    [[ $word == *: ]] && glued=1 || glued=''
  done
  current=\${words[\${#words[@]}-1]}
  [[ $current == *[\\\\\\'\\"\\$\\\`]* ]] && return
  kept=\${current%"\${current##*:}"}
  while IFS= read -r candidate; do
    printf -v quoted %q "$candidate"
    COMPREPLY+=("\${quoted#"$kept"}")
  done < <(devs complete -- "\${words[@]}" 2>/dev/null)
}
complete -o default -F _devs devs`,
  // compadd quotes what it adds; (@f) in double quotes splits at newlines and does nothing else.
  zsh: `#compdef devs
_devs() {
  local -a candidates
  candidates=("\${(@f)$(devs complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$candidates" ]]; then compadd -a candidates; else _files; fi
}
compdef _devs devs`,
  // fish escapes what it inserts.
  fish: `complete -c devs -a '(devs complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'`,
};
