import { isUtf8 } from 'node:buffer';
import fs from 'node:fs';

type Command = readonly [string, ...string[]];

/** What Node puts in the place of bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd';

/**
 * A command whose words reach it byte for byte. Node reads its arguments as UTF-8 and replaces the
 * bytes that are none, and its `spawn` takes no bytes. So a word that lost some is read again from
 * `/proc/self/cmdline`, and a shell, which handles bytes, puts it together and becomes the command.
 * On systems without `/proc` such a word stays as Node has it.
 */
export function exactCommand(command: Command): Command {
  if (!command.some((word) => word.includes(REPLACEMENT))) return command;
  const raw = wordsOfThisProcess()?.slice(-command.length);
  // Only what the user typed has bytes to recover.
  if (raw === undefined || !command.every((word, i) => raw[i]?.toString('utf8') === word)) return command;
  const assignments: string[] = [];
  const words = raw.map((bytes, i) => {
    if (isUtf8(bytes)) return `"\${${i + 1}}"`;
    // The shell cuts newlines off the end of what printf writes, so that a dot stands there.
    assignments.push(`w${i}=$(printf '${inOctal(bytes)}.'); w${i}=\${w${i}%.}`);
    return `"$w${i}"`;
  });
  const script = [...assignments, `exec ${words.join(' ')}`].join('\n');
  return ['/bin/sh', '-c', script, 'sh', ...command];
}

function inOctal(bytes: Buffer): string {
  return [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}

/** Null where the system does not say. */
function wordsOfThisProcess(): Buffer[] | null {
  let text: string;
  try {
    text = fs.readFileSync('/proc/self/cmdline', 'latin1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES') return null;
    throw error;
  }
  return text
    .split('\0')
    .slice(0, -1)
    .map((word) => Buffer.from(word, 'latin1'));
}
