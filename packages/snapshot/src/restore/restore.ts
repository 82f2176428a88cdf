import { type BytePath, fromText, toText } from '../base/byte-path.ts';
import { covers } from '../compare/diff.ts';
import { decodeOtherRefs, type MovedRef, movedRefs, readOtherRefs } from '../git/other-refs.ts';
import { deleteRef } from '../git/refs.ts';
import { findRepository, type Place, type Repository } from '../git/repository.ts';
import { sharingOf } from '../git/shared-repository.ts';
import { readCommit } from '../objects/commit.ts';
import { ObjectStore } from '../objects/object-store.ts';
import { TOP } from '../scan/permissions.ts';
import { sweepLeftovers } from '../snapshot/abandoned-files.ts';
import { SUBJECT } from '../snapshot/commit-message.ts';
import { type NamedSnapshot, resolveSnapshot } from '../snapshot/find-snapshot.ts';
import { type LoadedSnapshot, loadSnapshot } from '../snapshot/load-snapshot.ts';
import { type PathHistory, pathHistoryOf } from '../snapshot/path-history.ts';
import { protectedBySnapshot } from '../snapshot/protected-objects.ts';
import { readStateFile, readStateHead } from '../snapshot/state-files.ts';
import type { Progress } from '../snapshot/take-options.ts';
import { apply, lockIndex, proveApplicable } from './apply.ts';
import { firstFreeNumber } from './aside-directory.ts';
import { assertHeadMayMove, assertUnchangedSince } from './changed-since.ts';
import { type IndexLock, removeOwnLocks } from './git-state.ts';
import { closeJournal, readJournal, setJournalAside, writeJournal } from './journal.ts';
import { leftAloneSince } from './left-alone.ts';
import { planRestore } from './plan.ts';
import { assertRefsMayMove, planRefMoves, type RefMove } from './ref-moves.ts';
import type { RestoreJob } from './restore-job.ts';
import type { RecoverOptions, RestoreOptions, RestoreReport } from './restore-options.ts';
import type { RestorePlan } from './restore-plan.ts';
import { orLeave, takeSafety } from './safety-snapshot.ts';
import { removedSpecials, setAsideBy } from './set-aside.ts';
import { writeTagObjects } from './tag-objects.ts';

/** Everything `AtomicSnapshot.restore` promises. */
export async function restoreSnapshot(
  place: Place,
  name: string,
  options: RestoreOptions = {},
): Promise<RestoreReport> {
  const repo = findRepository(place);
  await recoverRestore(repo, options);
  using store = new ObjectStore(repo.commonDir, sharingOf(repo));
  const snapshot = await loadSnapshot(repo, store, resolveSnapshot(repo, name));
  const paths = options.paths?.map((path) => fromText(path.replace(/^\.\/|\/+$/g, ''))) ?? null;
  const filesOnly = options.filesOnly === true || paths !== null;
  // Asked before anything is planned with it: no ref outside refs/heads/ is ever moved.
  if (!filesOnly) readStateHead(store, snapshot);
  const after = options.after == null ? null : await loadSnapshot(repo, store, resolveSnapshot(repo, options.after));
  const refMoves = filesOnly ? [] : planRefMoves(repo, snapshot);
  if (!filesOnly && options.after !== undefined) {
    await orLeave(snapshot, () => assertHeadMayMove(repo, store, snapshot, after));
    assertRefsMayMove(repo, store, refMoves, { target: snapshot, after });
  }
  const { keep: keepSnapshot = false, onProgress = () => {} } = options;
  const isForced = options.after === undefined;
  const dryRun = options.dryRun === true;
  const request = { paths, filesOnly, refMoves, dryRun, safety: null, after, isForced, onProgress };
  const report = await applySnapshot(repo, store, snapshot, request);
  const { ref, oid } = snapshot;
  if (keepSnapshot || filesOnly || request.dryRun || ref === oid) return report;
  deleteRef(repo, ref, oid);
  return { ...report, dropped: true };
}

/**
 * Finishes a restore that was interrupted; null where none was. Rolling forward needs nothing but
 * the target, which was proven readable before the first change. A journal that this repository's
 * devs did not write is moved aside with a warning, and nothing is restored.
 */
export async function recoverRestore(place: Place, options: RecoverOptions = {}): Promise<RestoreReport | null> {
  const repo = findRepository(place);
  sweepLeftovers(repo);
  const found = readJournal(repo);
  if (found.state === 'foreign') {
    const warning = setJournalAside(repo);
    options.onWarning?.(warning);
  }
  if (found.state !== 'sound') return null;
  const { target, safety, paths, filesOnly } = found.journal;
  using store = new ObjectStore(repo.commonDir, sharingOf(repo));
  // By their commits: their refs may have been rewritten or deleted since. Without the target's
  // commit the only whole state is the one before.
  const snapshot = await loadSnapshot(repo, store, store.contains(target.oid) ? target : safety);
  removeOwnLocks(repo, store, snapshot);
  const refMoves = filesOnly ? [] : planRefMoves(repo, snapshot);
  const request = {
    paths,
    filesOnly,
    refMoves,
    safety,
    dryRun: false,
    after: null,
    isForced: true,
    onProgress: () => {},
  };
  return applySnapshot(repo, store, snapshot, request);
}

interface Request {
  readonly paths: readonly BytePath[] | null;
  readonly filesOnly: boolean;
  readonly refMoves: readonly RefMove[];
  readonly dryRun: boolean;
  /** The safety snapshot of the interrupted attempt, when this one finishes it. */
  readonly safety: NamedSnapshot | null;
  /** The repository as the run left it; null: not known, or no matter. */
  readonly after: LoadedSnapshot | null;
  /** Goes on where the present is damaged and cannot be captured as a whole. */
  readonly isForced: boolean;
  readonly onProgress: (progress: Progress) => void;
}

async function applySnapshot(
  repo: Repository,
  store: ObjectStore,
  snapshot: LoadedSnapshot,
  request: Request,
): Promise<RestoreReport> {
  const { includeIgnored } = snapshot.manifest;
  const safety = {
    kind: 'safety' as const,
    includeIgnored,
    onProgress: request.onProgress,
    ...(snapshot.runId === null ? {} : { runId: snapshot.runId }),
  };
  const history = await pathHistoryOf(store, snapshot, repo);
  const { otherRules } = history;
  const held = protectedBySnapshot(store, snapshot);
  const commits = [...held.commits.filter((oid) => isOfTheUser(store, oid)), snapshot.oid];
  const protectedObjects = { ...held, commits };
  const refMoves = request.refMoves
    // Nothing can move a ref back to where a damaged one stood, or to an object that is gone.
    .filter(({ isDamaged, from }) => !isDamaged && (from === null || store.contains(from)))
    .map(({ ref, from }) => [ref, from] as const);
  const extras = {
    otherRules,
    since: snapshot.oid,
    protectedObjects,
    refMoves,
    isTolerant: request.isForced,
    isAnonymous: request.dryRun,
  };
  const taken = await takeSafety(repo, { label: snapshot.label, options: safety, extras }, snapshot);
  const { job, now } = await planJob({ repo, store, target: snapshot, request }, taken, history);
  const { filesOnly } = request;
  const { ref, oid } = snapshot;
  const safetySnapshot = request.safety ?? { ref: taken.ref, oid: taken.oid };
  const report = {
    ...describePlan(job.plan),
    ref,
    oid,
    paths: request.paths?.map(toText) ?? null,
    filesOnly,
    safetyRef: safetySnapshot.ref,
    safetyOid: safetySnapshot.oid,
    halfwayRef: request.safety === null ? null : taken.ref,
    moved: filesOnly ? [] : movedSince(job),
    lacks: [...(now.manifest.lacks ?? []), ...removedSpecials(job)],
    leftAlone: filesOnly ? [] : leftAloneSince(job, now),
    dropped: false,
  };
  const withAside = () => ({ ...report, leftAlone: [...setAsideBy(job), ...report.leftAlone] });
  if (request.dryRun) return { ...withAside(), safetyRef: null, safetyOid: null };
  writeJournal(repo, {
    schema: 2,
    target: { ref, oid },
    safety: safetySnapshot,
    filesOnly,
    paths: request.paths,
    startedAt: new Date().toISOString(),
  });
  let lock: IndexLock;
  try {
    lock = lockIndex(job);
  } catch (error) {
    // Nothing was touched by this attempt; an interrupted one before it stays to be finished.
    if (request.safety === null) closeJournal(repo);
    deleteRef(repo, taken.ref, taken.oid);
    throw error;
  }
  await apply(job, lock);
  writeTagObjects(store, snapshot, report.moved);
  closeJournal(repo);
  return withAside();
}

interface Restore {
  readonly repo: Repository;
  readonly store: ObjectStore;
  readonly target: LoadedSnapshot;
  readonly request: Request;
}

/**
 * Plans the restore and proves that it can be carried out; the safety snapshot goes where it
 * cannot.
 */
async function planJob(
  { repo, store, target, request }: Restore,
  safety: NamedSnapshot,
  history: PathHistory,
): Promise<{ readonly job: RestoreJob; readonly now: LoadedSnapshot }> {
  const { paths, filesOnly, refMoves, onProgress, after } = request;
  try {
    const now = await loadSnapshot(repo, store, safety);
    const includes = (path: BytePath) => paths?.some((wanted) => covers(wanted, path)) ?? true;
    const plan = planRestore(store, now, target, { repo, history, includes, after, isForced: request.isForced });
    const undoneBy = request.safety ?? safety;
    const firstAside = plan.setAside.length === 0 ? 0 : firstFreeNumber(repo, undoneBy.oid);
    const job: RestoreJob = {
      repo,
      store,
      target,
      safety: undoneBy,
      firstAside,
      plan,
      filesOnly,
      refMoves,
      onProgress,
    };
    await proveApplicable(job);
    if (after !== null) assertUnchangedSince(job, { after, now });
    return { job, now };
  } catch (error) {
    if (!request.dryRun) deleteRef(repo, safety.ref, safety.oid);
    throw error;
  }
}

/**
 * A commit that is no snapshot: undoing back and forth must not protect every state there ever was.
 */
function isOfTheUser(store: ObjectStore, oid: string): boolean {
  return store.typeOf(oid) === 'commit' && !readCommit(store, oid).message.startsWith(SUBJECT);
}

function movedSince({ repo, store, target, refMoves }: RestoreJob): MovedRef[] {
  const then = readStateFile(store, target, 'refs');
  // A snapshot of an older version does not say.
  return then === null
    ? []
    : movedRefs(decodeOtherRefs(then), readOtherRefs(repo), new Set(refMoves.map(({ ref }) => ref)));
}

function describePlan(plan: RestorePlan): Pick<RestoreReport, 'written' | 'deleted' | 'permissions' | 'spared'> {
  return {
    written: [...plan.writes.map(({ path }) => path), ...plan.bringBack.map(({ place }) => place)].map(toText),
    deleted: [...plan.deletions.map(({ path }) => path), ...plan.specials].map(toText),
    permissions: plan.permissions.map(({ path }) => (path === TOP ? './' : toText(path))),
    spared: plan.spared.map(toText),
  };
}
