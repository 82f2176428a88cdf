import fs from 'node:fs';
import type { BytePath } from '../base/byte-path.ts';
import { encodeOtherRefs } from '../git/other-refs.ts';
import { DIRECTORY, REGULAR, type TreeItem, writeTreeOf } from '../objects/trees.ts';
import { digestOf } from '../scan/ignore-rules.ts';
import type { Scan } from '../scan/scan.ts';
import { encodeManifest, type Manifest } from './manifest.ts';
import { encodeProtectedTags, protectedByTake, TAGGED, TAGS } from './protected-objects.ts';
import { encodeSurroundings, type Surroundings } from './surroundings.ts';
import type { TakeContext } from './take-context.ts';
import { writeIndexOnlyBlobs } from './tracked-trees.ts';

/** The index is large and half of it is hashes: compressing it costs more than writing it. */
const STORED = 0;

/** What the state tree needs beside the take and its scan. */
export interface StateExtras {
  /** The paths with the skip-worktree bit that are on disk. */
  readonly present: readonly BytePath[];
  readonly around: Surroundings;
}

/** Writes the tree of the state commit: what a restore needs beside the files. */
export function writeStateTree(take: TakeContext, scan: Scan, { present, around }: StateExtras): string {
  const { writer, git, tracked, ignores } = take;
  const { index } = git;
  const items: TreeItem[] = [];
  const add = (name: string, bytes: Buffer, level?: number) =>
    items.push({ path: name, mode: REGULAR, oid: writer.add('blob', bytes, level) });
  add('HEAD', git.headBytes);
  add('refs', encodeOtherRefs(git.otherRefs));
  if (index.bytes !== null) add('index', index.bytes, STORED);
  if (index.shared !== null) add(index.shared.name, index.shared.bytes, STORED);
  for (const [name, bytes] of git.operation) add(`operation/${Buffer.from(name).toString('latin1')}`, bytes);
  // The ignore files are stored apart from the work tree's files: one may itself be ignored.
  for (const [dir, bytes] of scan.gitignores) add(`ignore/tree/${dir === '' ? '' : `${dir}/`}.gitignore`, bytes);
  if (ignores.global !== null) {
    // A repository may name any file of the user's, a private key say, and objects travel with it.
    if (ignores.isGlobalForeign === true) add('ignore/global.sha256', digestOf(ignores.global));
    else add('ignore/global', ignores.global);
  }
  if (ignores.info !== null) add('ignore/info', ignores.info);
  add('surroundings.json', encodeSurroundings(around));
  const indexOnly = writeIndexOnlyBlobs(writer, index, tracked);
  if (indexOnly !== null) items.push({ path: 'kept', mode: DIRECTORY, oid: indexOnly });
  const tags = encodeProtectedTags(take);
  if (tags !== null) add(TAGS, tags);
  for (const entry of protectedByTake(take).others) items.push({ path: `${TAGGED}/${entry.oid}`, ...entry });
  add('manifest.json', encodeManifest(manifestOf(take, scan, present)));
  return writeTreeOf(writer, items);
}

function manifestOf(
  { repo, git, tracked, options, extras, lacks }: TakeContext,
  scan: Scan,
  present: readonly BytePath[],
): Manifest {
  return {
    schema: 1,
    head: git.head,
    indexMtimeNs: git.index.bytes === null ? null : String(git.index.mtimeNs),
    permissions: scan.permissions.finish(),
    rootPermissions: (fs.statSync(repo.root).mode & 0o7777).toString(8),
    emptyDirectories: scan.emptyDirectories,
    skipWorktreePresent: tracked.entries.some((entry) => entry.skipWorktree) ? present : null,
    skipped: scan.skipped,
    includeIgnored: options.includeIgnored ?? [],
    ...(extras.since === undefined ? {} : { since: extras.since }),
    ...(lacks === null || lacks.length === 0 ? {} : { lacks }),
    ...(git.symbolicBranch.length > 1 ? { symbolicBranch: git.symbolicBranch } : {}),
    ...(extras.refMoves === undefined ? {} : { refMoves: extras.refMoves }),
    complete: true,
  };
}
