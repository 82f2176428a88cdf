import type { BytePath } from '../base/byte-path.ts';

/** What git does not keep of a mode: everything but the owner's execute bit. */
export type PermissionKind = 'file' | 'executable' | 'directory';

export interface Permissions {
  /** The most frequent permissions of each kind, octal. */
  readonly usual: Readonly<Record<PermissionKind, string>>;
  /**
   * Byte path (directories end in a slash) to octal permissions, where they are not the usual ones.
   */
  readonly unusual: Readonly<Record<string, string>>;
}

const FALLBACK: Readonly<Record<PermissionKind, number>> = { file: 0o644, executable: 0o755, directory: 0o755 };

/** Collects permissions compactly: nearly all files of a repository share theirs. */
export class PermissionTable {
  readonly #byKind = new Map<PermissionKind, Map<number, BytePath[]>>();
  /** Where the last one went: most go there, too. */
  #last: { readonly kind: 'file' | 'directory'; readonly mode: number; readonly paths: BytePath[] } | undefined;

  add(kind: 'file' | 'directory', path: BytePath, mode: number): void {
    if (this.#last?.mode === mode && this.#last.kind === kind) {
      this.#last.paths.push(path);
      return;
    }
    const exact: PermissionKind = kind === 'file' && mode & 0o100 ? 'executable' : kind;
    const groups = this.#byKind.get(exact) ?? new Map<number, BytePath[]>();
    this.#byKind.set(exact, groups);
    const permissions = mode & 0o7777;
    const paths = groups.get(permissions) ?? [];
    groups.set(permissions, paths);
    paths.push(path);
    this.#last = { kind, mode, paths };
  }

  finish(): Permissions {
    const usual = { file: '', executable: '', directory: '' };
    const unusual: [BytePath, string][] = [];
    for (const kind of ['file', 'executable', 'directory'] as const) {
      const groups = [...(this.#byKind.get(kind) ?? [])].sort(
        ([a, pathsA], [b, pathsB]) => pathsB.length - pathsA.length || a - b,
      );
      usual[kind] = (groups[0]?.[0] ?? FALLBACK[kind]).toString(8);
      for (const [permissions, paths] of groups.slice(1)) {
        const suffix = kind === 'directory' ? '/' : '';
        for (const path of paths) unusual.push([path + suffix, permissions.toString(8)]);
      }
    }
    return { usual, unusual: Object.fromEntries(unusual.sort(([a], [b]) => (a < b ? -1 : 1))) };
  }
}

/** The work tree's top among the paths of permissions: the empty path of a directory. */
export const TOP: BytePath = '/';

/** What a snapshot may set: a setuid, setgid or sticky bit is never taken from one. */
const SETTABLE = 0o777;

/**
 * The permissions that a restore gives a file or, with a slash at the path's end, a directory.
 * `mode` tells scripts from other files.
 */
export function permissionsOf(permissions: Permissions, path: BytePath, mode: number): number {
  return recordedPermissions(permissions, path, mode) & SETTABLE;
}

/** The permissions as they were on disk, with the setuid, setgid and sticky bits. */
export function recordedPermissions({ usual, unusual }: Permissions, path: BytePath, mode: number): number {
  const kind = path.endsWith('/') ? 'directory' : mode & 0o100 ? 'executable' : 'file';
  // A file may be called `constructor`, which every object has from its prototype.
  const own = Object.hasOwn(unusual, path) ? unusual[path]! : usual[kind];
  return Number.parseInt(own, 8);
}

/**
 * What a restore makes of permissions that differ: those of the snapshot, and of the higher bits
 * those that are both on disk and in the snapshot. So it gives none, and takes back those that came
 * since.
 */
export function restoredPermissions(onDisk: number, recorded: number): number {
  return (recorded & SETTABLE) | (onDisk & recorded & ~SETTABLE);
}
