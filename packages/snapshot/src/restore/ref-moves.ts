import { AtomicSnapshotError } from '../base/errors.ts';
import { decodeOtherRefs, readOtherRefs } from '../git/other-refs.ts';
import {
  appendReflog,
  deleteRef,
  isDamagedRef,
  refOrNothing,
  symbolicChain,
  updateRef,
  updateSymbolicRef,
} from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import { branchesOfOtherWorkTrees } from '../git/work-trees.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import type { LoadedSnapshot } from '../snapshot/load-snapshot.ts';
import { readStateFile } from '../snapshot/state-files.ts';

/** One ref that a restore moves. Null: the ref does not exist. */
export interface RefMove {
  readonly ref: string;
  readonly from: string | null;
  readonly to: string | null;
  /** The ref is damaged: nothing tells where it stood, so nothing can move it back there. */
  readonly isDamaged: boolean;
}

/**
 * The refs that making the repository equal to `target` moves: the branch that HEAD named, those
 * that an undone restore had moved, and branches in the way. Git stores `a` and `a/b` as a file and
 * a directory of the same name, so a branch that came into being since may have to go before the
 * wanted one can be. Deletions come first. The safety snapshot holds every commit that loses its
 * ref.
 */
export function planRefMoves(repo: Repository, target: LoadedSnapshot): RefMove[] {
  const wanted = new Map<string, string | null>(target.manifest.refMoves ?? []);
  const { branch, oid } = target.manifest.head;
  // The move of a symbolic branch is the move of the branch that it leads to.
  if (branch !== null) wanted.set(target.manifest.symbolicBranch?.at(-1) ?? branch, oid);
  const moves = new Map<string, RefMove>();
  for (const [ref, to] of wanted) {
    const from = refOrNothing(repo, ref);
    const isDamaged = from === null && isDamagedRef(repo, ref);
    if (from !== to || isDamaged) moves.set(ref, { ref, from, to, isDamaged });
  }
  const created = [...moves.values()].filter(({ from }) => from === null);
  if (created.length > 0) {
    for (const [ref, from] of readOtherRefs(repo)) {
      const isInTheWay = created.some((move) => ref.startsWith(`${move.ref}/`) || move.ref.startsWith(`${ref}/`));
      if (isInTheWay) moves.set(ref, { ref, from, to: null, isDamaged: false });
    }
  }
  return [...moves.values()].sort((a, b) => Number(a.to !== null) - Number(b.to !== null));
}

/**
 * Refuses where a ref does not stand where the run left it, or where another work tree has it
 * checked out: moving it would take that work tree's ground away.
 * @throws AtomicSnapshotError `DEVS_HEAD_MOVED`, `DEVS_BRANCH_CHECKED_OUT`
 */
export function assertRefsMayMove(
  repo: Repository,
  store: ObjectStore,
  moves: readonly RefMove[],
  states: { readonly target: LoadedSnapshot; readonly after: LoadedSnapshot | null },
): void {
  const { target, after } = states;
  const left = after === null ? null : refsOf(store, after);
  const elsewhere = moves.length === 0 ? new Map() : branchesOfOtherWorkTrees(repo);
  for (const { ref, from, to } of moves) {
    const workTree = elsewhere.get(ref);
    if (workTree !== undefined) {
      throw refusal('DEVS_BRANCH_CHECKED_OUT', target, {
        message: `${ref} is checked out in ${workTree}, and the restore would move it from ${short(from)} to ${short(to)}`,
        data: { ref, workTree, from, to },
      });
    }
    // A snapshot of an older version does not say where its branches stood.
    if (left === null || (left.get(ref) ?? null) === from) continue;
    throw refusal('DEVS_HEAD_MOVED', target, {
      message: `the run left ${ref} at ${short(left.get(ref) ?? null)}, and it is at ${short(from)} now`,
      data: { ref, expected: left.get(ref) ?? null, now: from, wanted: to },
    });
  }
}

function refsOf(store: ObjectStore, snapshot: LoadedSnapshot): ReadonlyMap<string, string> | null {
  const bytes = readStateFile(store, snapshot, 'refs');
  return bytes === null ? null : decodeOtherRefs(bytes);
}

function short(oid: string | null): string {
  return oid?.slice(0, 10) ?? 'no commit';
}

function refusal(
  code: 'DEVS_HEAD_MOVED' | 'DEVS_BRANCH_CHECKED_OUT',
  target: LoadedSnapshot,
  { message, data }: { readonly message: string; readonly data: Readonly<Record<string, unknown>> },
): AtomicSnapshotError {
  const ways =
    '--force moves it all the same, and its commits stay in a safety snapshot; --files-only leaves HEAD, branches and index alone';
  return new AtomicSnapshotError(code, `${message}\n${ways}`, {
    hint: ['devs', 'restore', target.runId ?? target.id, '--files-only'],
    data,
  });
}

/** Makes HEAD's branch the symbolic ref that it was, where it was one. */
export function restoreSymbolicBranch(repo: Repository, chain: readonly string[]): void {
  for (const [i, target] of chain.slice(1).entries()) {
    if (symbolicChain(repo, chain[i]!)[1] !== target) updateSymbolicRef(repo, chain[i]!, target);
  }
}

/**
 * What a log may say of where a ref was: git calls a log broken that names an object that is gone.
 */
export function loggable(store: ObjectStore, oid: string | null): string | null {
  return oid !== null && store.contains(oid) ? oid : null;
}

/** Moves the refs, each by compare-and-swap under git's own lock, with a line in its log. */
export function moveRefs(repo: Repository, store: ObjectStore, moves: readonly RefMove[], message: string): void {
  for (const { ref, from, to } of moves) {
    if (to === null) deleteRef(repo, ref, from!);
    else {
      updateRef(repo, ref, to, from);
      appendReflog(repo, ref, loggable(store, from), to, message);
    }
  }
}
