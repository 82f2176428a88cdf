import fs from 'node:fs';
import path from 'node:path';
import type { BytePath } from '../base/byte-path.ts';
import { removeRegular } from '../base/durable.ts';
import { AtomicSnapshotError } from '../base/errors.ts';
import { RealDirectory } from '../base/real-directory.ts';
import { isRefName } from '../git/ref-name.ts';
import type { Repository } from '../git/repository.ts';
import { readSealed, type SealedFile, writeSealed } from '../git/sealed-file.ts';
import type { NamedSnapshot } from '../snapshot/find-snapshot.ts';
import { newSnapshotId } from '../snapshot/snapshot-id.ts';

/**
 * A restore that has begun and not ended. While this file exists the repository is between two
 * states.
 */
export interface Journal {
  readonly schema: 2;
  /** The snapshot that is being restored. */
  readonly target: NamedSnapshot;
  /** The repository as it was before. */
  readonly safety: NamedSnapshot;
  readonly filesOnly: boolean;
  /** The paths that the restore is limited to; null for all. */
  readonly paths: readonly BytePath[] | null;
  readonly startedAt: string;
}

/**
 * `foreign`: this repository's devs did not write the file, so nothing that it says is ever done.
 */
export type JournalState =
  | { readonly state: 'absent' }
  | { readonly state: 'foreign' }
  | { readonly state: 'sound'; readonly journal: Journal };

function journalOf({ gitDir, commonDir }: Repository): SealedFile {
  const file = path.join(gitDir, 'devs', 'restore.json');
  return { file, commonDir, kind: 'restore journal', maxBytes: 1 << 28 };
}

export function writeJournal(repo: Repository, journal: Journal): void {
  writeSealed(journalOf(repo), journal);
}

/** @throws AtomicSnapshotError `DEVS_JOURNAL_UNKNOWN`, `DEVS_SEAL_KEY_UNSAFE` */
export function readJournal(repo: Repository): JournalState {
  const place = journalOf(repo);
  const content = readSealed(place);
  if (content.state !== 'sound') return content;
  if (isJournal(content.body)) return { state: 'sound', journal: content.body };
  throw new AtomicSnapshotError('DEVS_JOURNAL_UNKNOWN', `${place.file} was written by a newer devs`, {
    data: { path: place.file },
  });
}

/** As `readJournal`, for queries: without a usable key no journal is this repository's. */
export function journalStateOf(repo: Repository): JournalState['state'] {
  try {
    return readJournal(repo).state;
  } catch (error) {
    if (error instanceof AtomicSnapshotError && error.code === 'DEVS_SEAL_KEY_UNSAFE') return 'foreign';
    throw error;
  }
}

export function closeJournal(repo: Repository): void {
  removeRegular(journalOf(repo).file);
}

/** Moves a foreign journal out of the way, so that it stops nothing, and says so. */
export function setJournalAside(repo: Repository): AtomicSnapshotError {
  const { file } = journalOf(repo);
  const aside = `${file}.foreign-${newSnapshotId()}`;
  using dir = RealDirectory.open(path.dirname(file));
  dir?.at(path.basename(file), (from) => fs.renameSync(from, path.join(path.dirname(from), path.basename(aside))));
  return new AtomicSnapshotError(
    'DEVS_JOURNAL_FOREIGN',
    `${file} has no seal of this repository: it was forged, copied, or written by an older devs. Nothing that it asks for was done, and it was moved to ${aside}. If a restore of yours was interrupted, restore again`,
    { hint: ['devs', 'log'], data: { path: file, aside } },
  );
}

function isJournal(body: unknown): body is Journal {
  const { schema, target, safety, filesOnly, paths } = (body ?? {}) as Partial<Journal>;
  return (
    schema === 2 &&
    isNamed(target) &&
    isNamed(safety) &&
    typeof filesOnly === 'boolean' &&
    (paths === null || (Array.isArray(paths) && paths.every((path) => typeof path === 'string')))
  );
}

function isNamed(value: NamedSnapshot | undefined): boolean {
  const { ref, oid } = value ?? {};
  if (typeof ref !== 'string' || typeof oid !== 'string' || !/^[0-9a-f]{40}$/.test(oid)) return false;
  // A snapshot that no ref names has its commit for a name.
  return ref === oid || (ref.startsWith('refs/devs/') && isRefName(ref));
}
