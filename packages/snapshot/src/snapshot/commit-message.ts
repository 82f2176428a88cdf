import type { TakeOptions } from './take-options.ts';

/** How the subject of every snapshot begins. */
export const SUBJECT = 'devs-snapshot-';

/** The message of a snapshot's commit: the label as subject, then one trailer a line. */
export function composeMessage(label: string, workTree: string | null, options: TakeOptions): string {
  const { kind = 'manual', runId, trailers = {} } = options;
  const all = Object.entries({
    Kind: kind,
    ...(runId === undefined ? {} : { Run: runId }),
    ...(workTree === null ? {} : { Worktree: workTree }),
    ...trailers,
  });
  return `${SUBJECT}${oneLine(label)}\n\n${all.map(([key, value]) => `Devs-${key}: ${oneLine(value)}\n`).join('')}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}

/**
 * The `Devs-<key>` lines of a message; the seal, which is only of use with the commit's bytes, is
 * not among them.
 */
export function readTrailers(message: string): Readonly<Record<string, string>> {
  const lines = message.matchAll(/^Devs-(\w+): (.*)$/gm);
  return Object.fromEntries([...lines].map(([, key, value]) => [key, value]).filter(([key]) => key !== 'Seal'));
}
