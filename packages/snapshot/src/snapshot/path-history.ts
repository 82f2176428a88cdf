import { type BytePath, fromText, parentOf } from '../base/byte-path.ts';
import type { Repository } from '../git/repository.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { DIRECTORY, findInTree } from '../objects/trees.ts';
import type { TreeIgnoreRules } from '../scan/ignore-rules.ts';
import type { OtherRules, Skipped } from '../scan/scan.ts';
import { TrackedFiles } from '../scan/tracked-files.ts';
import { type LoadedSnapshot, loadSnapshot } from './load-snapshot.ts';
import { ignoreRulesOf, readStateIndex } from './state-files.ts';

/** Why a directory was not looked into. */
const INNER: ReadonlySet<string> = new Set<Skipped['reason']>(['nested repository', 'submodule']);

/** What an earlier snapshot knows of paths. */
export interface PathHistory {
  /** The ignore rules as they were when the snapshot was taken. */
  readonly rules: TreeIgnoreRules;
  /**
   * Whether the snapshot says what is, or is not, at a path: it holds the path, or the path was
   * tracked (a deleted file, too), or it was looked at for the sake of an earlier snapshot.
   */
  readonly knows: (path: BytePath) => boolean;
  /**
   * Whether the earlier snapshot that this one was taken since knows the path, so that this one
   * looked at it.
   */
  readonly lookedAt: (path: BytePath) => boolean;
  /**
   * What a later snapshot may leave out: the paths that were ignored then and that the snapshot
   * does not know. So a task can hide nothing by new rules.
   */
  readonly otherRules: OtherRules;
  /**
   * Whether a path lies in, or is, a repository or submodule of which the snapshot holds nothing,
   * or something that its take could not read. It says nothing of what is there, so nothing there
   * is taken away.
   */
  readonly isClosed: (path: BytePath) => boolean;
}

export async function pathHistoryOf(
  store: ObjectStore,
  snapshot: LoadedSnapshot,
  repo: Repository,
): Promise<PathHistory> {
  const rules = ignoreRulesOf(store, snapshot, repo);
  const own = new Knowledge(store, snapshot);
  const earlier = await earlierOf(repo, store, snapshot);
  const lookedAt = (path: BytePath) => earlier?.holds(path) === true;
  const knows = (path: BytePath) => own.holds(path) || lookedAt(path);
  const ignores = (path: BytePath, isDir: boolean) => rules.ignores(path, isDir) && !knows(path);
  const empty = new Set(snapshot.manifest.emptyDirectories);
  const sawInside = (dir: BytePath) => {
    if (empty.has(dir) || findInTree(store, snapshot.untrackedTree, dir)?.mode === DIRECTORY) return true;
    return own.tracked.hasFilesIn(dir);
  };
  const inner = snapshot.manifest.skipped.filter(({ reason }) => INNER.has(reason)).map(({ path }) => path);
  // A take that could not read a path says nothing of it either: it may not be taken away.
  const lacked = (snapshot.manifest.lacks ?? []).map(({ what }) => fromText(what));
  const closed = new Set([...inner.filter((dir) => !sawInside(dir)), ...lacked]);
  const isClosed = (path: BytePath) => {
    if (closed.size === 0) return false;
    for (let at = path; at !== ''; at = parentOf(at)) if (closed.has(at)) return true;
    return false;
  };
  return { rules, knows, lookedAt, isClosed, otherRules: { ignores, sawInside } };
}

/** What one snapshot says of paths. Its index is parsed when it is asked for. */
class Knowledge {
  readonly #store: ObjectStore;
  readonly #snapshot: LoadedSnapshot;
  #tracked: TrackedFiles | null = null;
  /** The empty directories and all that they lie in. */
  readonly #directories: ReadonlySet<BytePath>;

  constructor(store: ObjectStore, snapshot: LoadedSnapshot) {
    this.#store = store;
    this.#snapshot = snapshot;
    const directories = new Set<BytePath>();
    for (const dir of snapshot.manifest.emptyDirectories) {
      for (let at = dir; at !== '' && !directories.has(at); at = parentOf(at)) directories.add(at);
    }
    this.#directories = directories;
  }

  get tracked(): TrackedFiles {
    this.#tracked ??= new TrackedFiles(readStateIndex(this.#store, this.#snapshot) ?? { entries: [] });
    return this.#tracked;
  }

  holds(path: BytePath): boolean {
    if (findInTree(this.#store, this.#snapshot.untrackedTree, path) !== null) return true;
    if (this.#directories.has(path)) return true;
    return this.tracked.position(path) !== undefined || this.tracked.hasFilesIn(path);
  }
}

/** Null where there was none, or git has pruned it: only a safety snapshot keeps it. */
async function earlierOf(repo: Repository, store: ObjectStore, { ref, manifest }: LoadedSnapshot) {
  const { since } = manifest;
  if (since === undefined || !store.contains(since)) return null;
  return new Knowledge(store, await loadSnapshot(repo, store, { ref, oid: since }));
}
