import { deflateSync } from 'node:zlib';
import type { CommitObject } from 'isomorphic-git';
import { objectHeader } from './object-id.ts';
import type { ObjectStore } from './object-store.ts';

/**
 * Commits are parsed by isomorphic-git. It never reaches the disk: the file system it is given shows our object store
 * as loose objects, so that it neither loads whole packs nor misses alternates and linked work trees.
 */
function objectFs(store: ObjectStore) {
  const refuse = async (path: unknown): Promise<never> => {
    throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
  };
  return {
    promises: {
      async readFile(path: string): Promise<Buffer> {
        const name = /objects\/([0-9a-f]{2})\/([0-9a-f]{38})$/.exec(path);
        const raw = name === null ? null : store.find(name[1]! + name[2]!);
        if (raw === null) return refuse(path);
        return deflateSync(Buffer.concat([objectHeader(raw.type, raw.body.length), raw.body]), { level: 0 });
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

/** @throws AtomicSnapshotError `DEVS_OBJECT_MISSING`, `DEVS_OBJECT_DAMAGED` */
export async function parseCommit(store: ObjectStore, oid: string): Promise<CommitObject> {
  // Asked first, for its errors: isomorphic-git's name no way out.
  store.read(oid, 'commit');
  // Loaded on first use: taking and listing snapshots do without it, and start sooner.
  const { readCommit } = await import('isomorphic-git');
  return (await readCommit({ fs: objectFs(store), gitdir: '/objects-only', oid })).commit;
}
