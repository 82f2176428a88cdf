import { type BytePath, toText } from '../base/byte-path.ts';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';
import { type Head, readHead } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import { commitsBetween, type HistoryEntry } from '../objects/history.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { findInTree } from '../objects/trees.ts';
import { diffFiles } from '../snapshot/diff-files.ts';
import type { LoadedSnapshot } from '../snapshot/load-snapshot.ts';
import { changedDirectoriesAndPermissions } from './directory-changes.ts';
import { isSameIndex } from './index-changes.ts';
import type { RestoreJob } from './restore-job.ts';

const SHOWN = 10;

/**
 * Refuses where HEAD or its branch stand neither where the run left them (`after`) nor where the
 * snapshot wants them anyway. `after` is null where that is unknown.
 * @throws AtomicSnapshotError `DEVS_HEAD_MOVED`
 */
export async function assertHeadMayMove(
  repo: Repository,
  store: ObjectStore,
  snapshot: LoadedSnapshot,
  after: LoadedSnapshot | null,
): Promise<void> {
  const now = readHead(repo);
  const then = snapshot.manifest.head;
  const expected = after?.manifest.head ?? null;
  if (now.branch === then.branch && now.oid === then.oid) return;
  if (expected !== null && now.branch === expected.branch && now.oid === expected.oid) return;
  const commits = await commitsSince(store, expected?.oid ?? then.oid, now.oid);
  const at = (head: Head) => `${head.branch ?? 'detached'} at ${head.oid?.slice(0, 10) ?? 'no commit'}`;
  const left =
    expected === null ? 'where the run left it is unknown' : `the run left it ${at(expected)}: it moved since`;
  throw new AtomicSnapshotError(
    'DEVS_HEAD_MOVED',
    `HEAD of ${repo.root} is ${at(now)}, and ${left}${listed(commits.map(({ oid, subject }) => `${oid.slice(0, 10)} ${subject}`))}\n--force moves it back all the same, and the commits are kept in a safety snapshot; --files-only leaves HEAD, branch and index alone`,
    {
      hint: ['devs', 'restore', snapshot.runId ?? snapshot.id, '--files-only'],
      data: { path: repo.root, now, expected, wanted: then, commits },
    },
  );
}

/** The commits that moving HEAD back would take away; none where the history cannot be read. */
async function commitsSince(store: ObjectStore, base: string | null, tip: string | null): Promise<HistoryEntry[]> {
  if (tip === null) return [];
  try {
    return await commitsBetween(store, base, tip);
  } catch (error) {
    // The list is a help. Its absence must not hide the refusal that it belongs to.
    if (codeOf(error) === 'DEVS_OBJECT_DAMAGED' || codeOf(error) === 'DEVS_OBJECT_MISSING') return [];
    throw error;
  }
}

/**
 * Refuses where the plan would overwrite what was changed after the run had ended (`after`), files
 * or index.
 * @throws AtomicSnapshotError `DEVS_CHANGED_SINCE`
 */
export function assertUnchangedSince(
  { repo, store, target, plan, filesOnly }: RestoreJob,
  { after, now }: { readonly after: LoadedSnapshot; readonly now: LoadedSnapshot },
): void {
  const since = diffFiles(store, after, now);
  const contents = [...plan.writes, ...plan.deletions].map(({ path }) => path).filter((path) => differs(since, path));
  const others = changedDirectoriesAndPermissions(plan, { after, now });
  const known = new Set(after.manifest.skipped.map(({ path }) => path));
  const specials = plan.specials.filter((path) => !known.has(path));
  const overwritten = [...new Set([...contents, ...others, ...specials])];
  const isSame = (other: LoadedSnapshot) => isSameIndex(store, now, other);
  const index = !filesOnly && !isSame(after) && !isSame(target);
  const operationOf = ({ stateTree }: LoadedSnapshot) => findInTree(store, stateTree, 'operation')?.oid ?? null;
  const operation = !filesOnly && isNew(operationOf(now), operationOf(after), operationOf(target));
  if (overwritten.length === 0 && !index && !operation) return;
  const files = overwritten.sort().map(toText);
  const what = [
    ...(files.length === 0 ? [] : [files.length === 1 ? '1 file' : `${files.length} files`]),
    ...(index ? ['the index'] : []),
    ...(operation ? ['the merge, rebase or cherry-pick in progress'] : []),
  ];
  throw new AtomicSnapshotError(
    'DEVS_CHANGED_SINCE',
    `${what.join(' and ')} changed since the run ended, and nothing was restored${listed(files)}\n--force overwrites them; as they are now, they are kept in a safety snapshot, and devs undo brings them back`,
    {
      hint: ['devs', 'restore', target.runId ?? target.id, '--force'],
      data: { path: repo.root, files, index, operation },
    },
  );
}

function differs(since: ReturnType<typeof diffFiles>, path: BytePath): boolean {
  const change = since.get(path);
  if (change === undefined) return false;
  return change.before?.oid !== change.after?.oid || change.before?.mode !== change.after?.mode;
}

/** Whether the present is neither what the run left nor what is wanted. */
function isNew(now: string | null, after: string | null, then: string | null): boolean {
  return now !== after && now !== then;
}

/**
 * A name or a subject may hold a line end, which would make a line of its own of what follows it.
 */
function listed(lines: readonly string[]): string {
  const shown = lines.slice(0, SHOWN).map((line) => `\n  ${line.replace(/[\x00-\x1f\x7f]/g, escaped)}`);
  return shown.join('') + (lines.length > SHOWN ? `\n  and ${lines.length - SHOWN} more` : '');
}

function escaped(character: string): string {
  return `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`;
}
