import type { ObjectWriter } from './object-writer.ts';

export interface NewCommit {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly message: string;
  /** Seconds since the epoch. */
  readonly time: number;
}

/** Adds a commit by `devs`. Ours rather than isomorphic-git's: see docs/decisions.md, "isomorphic-git's part". */
export function addCommit(writer: ObjectWriter, { tree, parents, message, time }: NewCommit): string {
  const who = `devs <devs@localhost> ${time} +0000`;
  const lines = [
    `tree ${tree}`,
    ...parents.map((parent) => `parent ${parent}`),
    `author ${who}`,
    `committer ${who}`,
    '',
    message,
  ];
  return writer.add('commit', Buffer.from(lines.join('\n')));
}

/** The message of a commit and when it was committed, from its bytes; all that listing snapshots needs. */
export function readMessage(body: Buffer): { readonly message: string; readonly time: number } {
  const text = body.toString('utf8');
  const headerEnd = text.indexOf('\n\n');
  const header = headerEnd === -1 ? text : text.slice(0, headerEnd);
  const time = /^committer .*> (\d+) [+-]\d{4}$/m.exec(header)?.[1] ?? '0';
  return { message: headerEnd === -1 ? '' : text.slice(headerEnd + 2), time: Number(time) };
}
