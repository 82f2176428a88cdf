/**
 * Why a snapshot was taken. A restore takes a `safety` snapshot before it changes anything. Nothing
 * is known of an `unreadable` one, whose commit is missing or damaged, and nothing that a `foreign`
 * one says is believed: its seal is missing or wrong, so this repository's devs did not make it.
 */
export type SnapshotKind = 'before' | 'after' | 'safety' | 'manual' | 'foreign' | 'unreadable';
