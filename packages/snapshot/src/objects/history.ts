import { deflateSync } from 'node:zlib';
import type { CommitObject } from 'isomorphic-git';
import { readIfThere } from '../base/durable.ts';
import { AtomicSnapshotError } from '../base/errors.ts';
import { objectHeader } from './object-id.ts';
import type { ObjectStore } from './object-store.ts';

/** Where isomorphic-git believes the repository to be. Nothing is ever looked up there. */
const GIT_DIR = '/repository';
/** How many commits are read of each side. An answer that needs more is not given. */
const MAX_COMMITS = 500;

export interface HistoryEntry {
  readonly oid: string;
  readonly subject: string;
}

/**
 * Lists what `tip` has and `base` has not, newest first, as `git log base..tip` does. Both may be
 * commits or annotated tags, which are peeled. A `base` of null has nothing. At most 500 commits
 * are read of each side, so the end of a longer list is missing.
 * @throws AtomicSnapshotError `DEVS_OBJECT_MISSING`, `DEVS_OBJECT_DAMAGED`
 */
export async function commitsBetween(store: ObjectStore, base: string | null, tip: string): Promise<HistoryEntry[]> {
  if (base === tip) return [];
  const known = base === null ? { commits: new Map<string, CommitObject>(), since: 0 } : await logOf(store, base);
  const { commits } = await logOf(store, tip);
  return [...commits]
    .filter(([oid, { committer }]) => !known.commits.has(oid) && committer.timestamp >= known.since)
    .map(([oid, { message }]) => ({ oid, subject: message.split('\n', 1)[0]! }));
}

interface Log {
  readonly commits: ReadonlyMap<string, CommitObject>;
  /** The time of its oldest commit where there are more than are read, else 0. */
  readonly since: number;
}

async function logOf(store: ObjectStore, oid: string): Promise<Log> {
  return withIsomorphicGit(store, oid, async (git, repository) => {
    const log = await git.log({ ...repository, ref: oid, depth: MAX_COMMITS });
    // A commit on two lines of history is listed twice, so a map takes it once.
    const commits = new Map(log.map(({ oid, commit }) => [oid, commit]));
    return { commits, since: log.length < MAX_COMMITS ? 0 : log.at(-1)!.commit.committer.timestamp };
  });
}

type IsomorphicGit = typeof import('isomorphic-git');
type Repository = { readonly fs: ReturnType<typeof objectFs>; readonly gitdir: string };

/**
 * Turns the errors of isomorphic-git into ours. Its own name no way out, and hostile bytes make it
 * throw a TypeError.
 */
async function withIsomorphicGit<T>(
  store: ObjectStore,
  oid: string,
  work: (git: IsomorphicGit, repository: Repository) => Promise<T>,
): Promise<T> {
  // It is loaded on first use: taking, listing, showing and restoring snapshots do without it.
  const git = await import('isomorphic-git');
  try {
    return await work(git, { fs: objectFs(store), gitdir: GIT_DIR });
  } catch (error) {
    if (error instanceof AtomicSnapshotError) throw error;
    const why = (error as Error).message;
    throw new AtomicSnapshotError('DEVS_OBJECT_DAMAGED', `the history of ${oid} cannot be read: ${why}`, {
      hint: ['git', 'fsck'],
      data: { oid },
      cause: error,
    });
  }
}

/**
 * The file system that isomorphic-git is given shows our object store as loose objects, and the
 * list of a shallow clone's oldest commits. It has nothing else and refuses every write, so that
 * isomorphic-git never touches the disk, loads no whole packs, and misses neither alternates nor
 * linked work trees.
 */
function objectFs(store: ObjectStore) {
  const refuse = async (path: unknown): Promise<never> => {
    throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
  };
  return {
    promises: {
      async readFile(path: string, options?: { readonly encoding?: string }): Promise<Buffer | string> {
        const bytes = contentOf(store, path);
        if (bytes === null) return refuse(path);
        return options?.encoding === 'utf8' ? bytes.toString('utf8') : bytes;
      },
      readdir: async () => [],
      writeFile: refuse,
      stat: refuse,
      lstat: refuse,
      mkdir: refuse,
      rmdir: refuse,
      unlink: refuse,
      readlink: refuse,
      symlink: refuse,
    },
  };
}

function contentOf(store: ObjectStore, path: string): Buffer | null {
  if (path === `${GIT_DIR}/shallow`) return readIfThere(store.shallowFile);
  const name = /objects\/([0-9a-f]{2})\/([0-9a-f]{38})$/.exec(path);
  const raw = name === null ? null : store.find(name[1]! + name[2]!);
  if (raw === null) return null;
  return deflateSync(Buffer.concat([objectHeader(raw.type, raw.body.length), raw.body]), { level: 0 });
}
