import type { BytePath } from '../base/byte-path.ts';
import type { Permissions } from '../scan/permissions.ts';

/** What the state commit's `manifest.json` holds: what git's own objects cannot. Paths are byte paths: one character a byte. */
export interface Manifest {
  readonly schema: 1;
  readonly head: { readonly branch: string | null; readonly oid: string | null };
  /** The names through which HEAD's branch leads, where it is a symbolic ref itself. */
  readonly symbolicBranch?: readonly string[];
  /** Modification time of the index file, nanoseconds since the epoch; null where there is no index. */
  readonly indexMtimeNs: string | null;
  readonly permissions: Permissions;
  readonly emptyDirectories: readonly BytePath[];
  /** Tracked files that were on disk in spite of their skip-worktree bit; null where no file had that bit. */
  readonly skipWorktreePresent: readonly BytePath[] | null;
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  readonly includeIgnored: readonly string[];
  /**
   * In a safety snapshot, the refs that the restore was about to move and where they stood (null: the
   * ref did not exist), so that undoing the restore moves them back.
   */
  readonly refMoves?: readonly (readonly [ref: string, oid: string | null])[];
  /** Written last into the structure, so that a reader can tell that nothing is missing. */
  readonly complete: true;
}

export function encodeManifest(manifest: Manifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`);
}

/** Null where the bytes are not a manifest this version understands. */
export function decodeManifest(bytes: Buffer): Manifest | null {
  const manifest = JSON.parse(bytes.toString('utf8')) as Manifest;
  return manifest.schema === 1 && manifest.complete === true ? manifest : null;
}
