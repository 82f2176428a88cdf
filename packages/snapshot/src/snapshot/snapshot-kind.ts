/**
 * Why a snapshot was taken. `safety`: by a restore, before it changed anything. `unreadable`: nobody can tell, its commit is
 * missing or damaged.
 */
export type SnapshotKind = 'before' | 'after' | 'safety' | 'manual' | 'unreadable';
