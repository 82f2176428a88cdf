import { AtomicSnapshotError } from '../base/errors.ts';
import type { ObjectStore } from './object-store.ts';
import type { ObjectWriter } from './object-writer.ts';

export interface Commit {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly message: string;
  /** The committer's time in seconds since the epoch; 0 where git would not read it. */
  readonly time: number;
}

/** The bytes of a commit by `devs`. */
export function encodeCommit({ tree, parents, message, time }: Commit): Buffer {
  const who = `devs <devs@localhost> ${time} +0000`;
  const lines = [
    `tree ${tree}`,
    ...parents.map((parent) => `parent ${parent}`),
    `author ${who}`,
    `committer ${who}`,
    '',
    message,
  ];
  return Buffer.from(lines.join('\n'));
}

/** Adds a commit by `devs`. */
export function addCommit(writer: ObjectWriter, commit: Commit): string {
  return writer.add('commit', encodeCommit(commit));
}

/** @throws AtomicSnapshotError `DEVS_OBJECT_MISSING`, `DEVS_OBJECT_DAMAGED` */
export function readCommit(store: ObjectStore, oid: string): Commit {
  const commit = parseCommit(store.read(oid, 'commit'));
  if (commit !== null) return commit;
  throw new AtomicSnapshotError('DEVS_OBJECT_DAMAGED', `object ${oid} is damaged: it is no valid commit`, {
    hint: ['git', 'fsck'],
    data: { oid },
  });
}

const TREE_LINE = /^tree ([0-9a-f]{40})\n/;
const PARENT_LINE = /^parent ([0-9a-f]{40})\n/;
/** `parent `, a name, and a line end. */
const PARENT_BYTES = 48;
/** A year has 31 556 952 seconds on average, and JavaScript's dates end in the year 275 760. */
const LATEST_TIME = 8_640_000_000_000;

/**
 * The only parser of a commit's bytes in devs; null where git would not read them either. Git finds
 * the tree and the parents by their position, so a `tree` or a `parent` further down means nothing.
 * Histories contain commits without a valid committer, so those are read and have the time 0.
 */
export function parseCommit(body: Buffer): Commit | null {
  const tree = TREE_LINE.exec(body.toString('latin1', 0, 46))?.[1];
  if (tree === undefined) return null;
  const parents: string[] = [];
  let at = 46;
  for (; body.toString('latin1', at, at + 7) === 'parent '; at += PARENT_BYTES) {
    const parent = PARENT_LINE.exec(body.toString('latin1', at, at + PARENT_BYTES))?.[1];
    if (parent === undefined) return null;
    parents.push(parent);
  }
  const end = body.indexOf('\n\n', at - 1);
  const header = body.toString('latin1', at - 1, end === -1 ? body.length : end + 1);
  const time = Number(/\ncommitter [^\n]*> (\d{1,13}) [+-]\d{4}\n/.exec(header)?.[1] ?? 0);
  const message = end === -1 ? '' : body.toString('utf8', end + 2);
  return { tree, parents, message, time: time <= LATEST_TIME ? time : 0 };
}
