import type { Case } from './case.ts';
import type { Finding } from './player.ts';
import { PRELUDE, type State } from './states/state.ts';

/** The shell script that shows a finding to a person; `devs` stands for the command line that was built. */
export function toScript(theCase: Case, state: State, steps: readonly string[], finding: Finding | null): string {
  const environment = Object.entries(state.env ?? {}).map(([name, value]) => `export ${name}="${value}"`);
  return [
    '#!/bin/sh',
    ...(finding === null
      ? []
      : [`# ${finding.oracle}`, ...finding.details.flatMap((text) => text.split('\n')).map((line) => `#   ${line}`)]),
    `# state: ${state.name}; user: ${theCase.user}; seed: ${theCase.seed}`,
    `# case: ${JSON.stringify(theCase)}`,
    'export W=$(mktemp -d) HOME=$W/home GIT_EDITOR=true GIT_SEQUENCE_EDITOR=true',
    'mkdir -p "$W/home" "$W/repo"; cd "$W/repo"',
    'git config --global user.name A; git config --global user.email a@example.com; git config --global protocol.file.allow always',
    '(',
    PRELUDE + state.script,
    ')',
    ...(state.asRoot === undefined ? [] : [`chown -hR 65534:65534 "$W"; ${state.asRoot}`]),
    ...(state.cwd === undefined ? [] : [`cd "$W/${state.cwd}"`]),
    ...environment,
    ...steps,
    '',
  ].join('\n');
}

/** The case that a saved script was made of, so that it can be played again. */
export function caseOfScript(script: string): Case {
  const line = /^# case: (.*)$/m.exec(script)?.[1];
  if (line === undefined) throw new Error('the script does not say which case it shows');
  return JSON.parse(line) as Case;
}
