import { AtomicSnapshotError } from '../base/errors.ts';
import type { Repository } from '../git/repository.ts';
import { parseCommit, readCommit } from '../objects/commit.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { readTrailers, SUBJECT } from './commit-message.ts';
import { hasOwnSeal } from './commit-seal.ts';
import type { NamedSnapshot } from './find-snapshot.ts';
import { SNAPSHOT_REFS } from './snapshot-id.ts';
import type { SnapshotKind } from './snapshot-kind.ts';

export interface SnapshotInfo {
  readonly ref: string;
  /** The last part of the ref. */
  readonly id: string;
  readonly oid: string;
  readonly label: string;
  readonly kind: SnapshotKind;
  /** The run it belongs to; always null for a foreign snapshot, whatever its message says. */
  readonly runId: string | null;
  readonly takenAt: string;
  /** What git calls the linked work tree it is of; null for the main one. */
  readonly workTreeName: string | null;
  /** All `Devs-<key>` lines of its message but the seal; none of a foreign snapshot. */
  readonly trailers: Readonly<Record<string, string>>;
}

const OWN_KINDS: ReadonlySet<string> = new Set<SnapshotKind>(['before', 'after', 'safety', 'manual']);

/**
 * What a snapshot's commit says of it.
 * @throws AtomicSnapshotError `DEVS_OBJECT_MISSING`, `DEVS_OBJECT_DAMAGED`
 */
export function readInfo(repo: Repository, store: ObjectStore, { ref, oid }: NamedSnapshot): SnapshotInfo {
  const bytes = store.read(oid, 'commit');
  const { message, time } = parseCommit(bytes) ?? readCommit(store, oid);
  const subject = message.split('\n', 1)[0]!;
  const common = {
    ref,
    id: ref.startsWith(SNAPSHOT_REFS) ? ref.slice(SNAPSHOT_REFS.length) : ref,
    oid,
    label: subject.startsWith(SUBJECT) ? subject.slice(SUBJECT.length) : '',
    takenAt: new Date(time * 1000).toISOString(),
  };
  if (!isOwn(repo, bytes)) return { ...common, kind: 'foreign', runId: null, workTreeName: null, trailers: {} };
  const trailers = readTrailers(message);
  const kind = trailers.Kind !== undefined && OWN_KINDS.has(trailers.Kind) ? (trailers.Kind as SnapshotKind) : 'manual';
  return { ...common, kind, runId: trailers.Run ?? null, workTreeName: trailers.Worktree ?? null, trailers };
}

/** A key that cannot be used makes every snapshot foreign; what needs the key says why. */
function isOwn({ commonDir }: Repository, commit: Buffer): boolean {
  try {
    return hasOwnSeal(commonDir, commit);
  } catch (error) {
    if (error instanceof AtomicSnapshotError && error.code === 'DEVS_SEAL_KEY_UNSAFE') return false;
    throw error;
  }
}

/**
 * As `readInfo`; a ref or a commit that cannot be read is `unreadable`, and hides no other
 * snapshot.
 */
export function readInfoIfWhole(repo: Repository, store: ObjectStore, ref: string, oid: string | null): SnapshotInfo {
  try {
    if (oid !== null) return readInfo(repo, store, { ref, oid });
  } catch (error) {
    if (!(error instanceof AtomicSnapshotError)) throw error;
  }
  const unknown = { label: '', runId: null, takenAt: new Date(0).toISOString(), workTreeName: null, trailers: {} };
  return { ref, id: ref.slice(SNAPSHOT_REFS.length), oid: oid ?? '', kind: 'unreadable', ...unknown };
}
