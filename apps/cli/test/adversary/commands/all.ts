import type { Random } from '../random.ts';
import { GIT_DIRECTORY } from './git-directory.ts';
import { HISTORY } from './history.ts';
import { INDEX_AND_FILES } from './index-and-files.ts';
import { MAINTENANCE } from './maintenance.ts';
import { REFS } from './refs.ts';
import { SHELL } from './shell.ts';

/** The catalogue. `{f}` stands for a file, `{d}` a directory, `{b}` a branch, `{n}` a new reference's name. */
export const COMMANDS: readonly string[] = [
  ...HISTORY,
  ...INDEX_AND_FILES,
  ...REFS,
  ...MAINTENANCE,
  ...SHELL,
  ...GIT_DIRECTORY,
];

const WORDS: Readonly<Record<string, readonly string[]>> = {
  f: [
    'a.txt',
    'b.txt',
    'dir/c.txt',
    'dir/d.txt',
    'script.sh',
    'untracked.txt',
    '"new dir/n.txt"',
    'u.txt',
    'secret.txt',
    'ignored.log',
  ],
  d: ['dir', '"new dir"', 'empty', 'build', 'sub', 'nested', 'notes'],
  b: ['topic', 'other', 'main', 'HEAD~1'],
  n: ['new', 'topic/two', 'feature/x', 'main/below', 'fix'],
};

/** `template`, with words for its placeholders. */
export function fillIn(template: string, random: Random): string {
  const chosen = new Map<string, string>();
  return template.replace(/\{([fdbn])\}/g, (_, kind: string) => {
    const word = chosen.get(kind) ?? random.pick(WORDS[kind]!);
    chosen.set(kind, word);
    return word;
  });
}
