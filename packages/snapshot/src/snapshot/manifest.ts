import type { BytePath } from '../base/byte-path.ts';
import type { Permissions } from '../scan/permissions.ts';
import { manifestProblem } from './manifest-schema.ts';

/** Something that a tolerant take could not read. */
export interface Lack {
  /** `HEAD`, `index`, or the path of a file or directory in the work tree. */
  readonly what: string;
  readonly why: string;
}

/**
 * The state commit's `manifest.json`: what git's own objects cannot hold. Its paths are byte paths,
 * one character for each byte.
 */
export interface Manifest {
  readonly schema: 1;
  readonly head: { readonly branch: string | null; readonly oid: string | null };
  /** The names through which HEAD's branch leads, where it is a symbolic ref itself. */
  readonly symbolicBranch?: readonly string[];
  /**
   * Modification time of the index file, nanoseconds since the epoch; null where there is no index.
   */
  readonly indexMtimeNs: string | null;
  readonly permissions: Permissions;
  /**
   * The permissions of the work tree's top, octal. Absent in a snapshot of an older version; a
   * field of its own, since an older version takes no empty path in `permissions`.
   */
  readonly rootPermissions?: string;
  readonly emptyDirectories: readonly BytePath[];
  /**
   * Tracked files that were on disk in spite of their skip-worktree bit; null where no file had
   * that bit.
   */
  readonly skipWorktreePresent: readonly BytePath[] | null;
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  readonly includeIgnored: readonly string[];
  /**
   * The commit of the snapshot whose rules this one was taken with beside its own: what that one
   * knows was looked at here, ignored or not. Absent where there was none.
   */
  readonly since?: string;
  /** What a tolerant take could not read; absent where it read everything. */
  readonly lacks?: readonly Lack[];
  /**
   * In a safety snapshot, the refs that the restore was about to move and where they stood (null:
   * the ref did not exist), so that undoing the restore moves them back.
   */
  readonly refMoves?: readonly (readonly [ref: string, oid: string | null])[];
  /** Written last into the structure, so that a reader can tell that nothing is missing. */
  readonly complete: true;
}

export function encodeManifest(manifest: Manifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`);
}

/**
 * The manifest, or why it is none that this version understands. Nothing that it says is believed
 * unchecked.
 */
export function decodeManifest(bytes: Buffer): { readonly manifest: Manifest } | { readonly problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return { problem: 'is no JSON' };
    throw error;
  }
  const problem = manifestProblem(value);
  return problem === null ? { manifest: value as Manifest } : { problem };
}
