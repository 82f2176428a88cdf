import { deflateSync, inflateSync } from 'node:zlib';
import { type CommitObject, readCommit, writeCommit } from 'isomorphic-git';
import { type ObjectType, objectHeader } from './object-id.ts';
import type { ObjectStore } from './object-store.ts';
import type { ObjectWriter } from './object-writer.ts';

/**
 * Commits are parsed and encoded by isomorphic-git. It never reaches the disk: the file system it is given shows our
 * object store as loose objects, and what it writes goes to our durable object writer.
 */
function objectFs(store: ObjectStore, writer?: ObjectWriter) {
  const absent = (path: string) => Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
  const refuse = async (path: string): Promise<never> => {
    throw absent(String(path));
  };
  return {
    promises: {
      async readFile(path: string): Promise<Buffer> {
        const oid = /objects\/([0-9a-f]{2})\/([0-9a-f]{38})$/.exec(path);
        const raw = oid === null ? null : store.find(oid[1]! + oid[2]!);
        if (raw === null) throw absent(path);
        return deflateSync(Buffer.concat([objectHeader(raw.type, raw.body.length), raw.body]), { level: 0 });
      },
      async writeFile(path: string, bytes: Uint8Array): Promise<void> {
        if (writer === undefined) throw absent(path);
        const whole = inflateSync(bytes);
        const nul = whole.indexOf(0);
        writer.add(whole.toString('latin1', 0, nul).split(' ')[0] as ObjectType, whole.subarray(nul + 1));
      },
      stat: refuse,
      lstat: refuse,
      mkdir: async () => {},
      rmdir: refuse,
      unlink: refuse,
      readdir: async () => [],
      readlink: refuse,
      symlink: refuse,
    },
  };
}

const GIT_DIR = '/objects-only';

export async function parseCommit(store: ObjectStore, oid: string): Promise<CommitObject> {
  return (await readCommit({ fs: objectFs(store), gitdir: GIT_DIR, oid })).commit;
}

export interface NewCommit {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly message: string;
  /** Seconds since the epoch. */
  readonly time: number;
}

export async function addCommit(store: ObjectStore, writer: ObjectWriter, commit: NewCommit): Promise<string> {
  const who = { name: 'devs', email: 'devs@localhost', timestamp: commit.time, timezoneOffset: 0 };
  const { tree, parents, message } = commit;
  return writeCommit({
    fs: objectFs(store, writer),
    gitdir: GIT_DIR,
    commit: { message, tree, parent: [...parents], author: who, committer: who },
  });
}
