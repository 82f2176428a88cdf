import fs from 'node:fs';
import path from 'node:path';
import { readTextIfThere, removeIfThere, replaceFile } from '../base/durable.ts';
import { AtomicSnapshotError } from '../base/errors.ts';

/** A restore that has begun and not ended. While this file exists the repository is between two states. */
export interface Journal {
  readonly schema: 1;
  /** The snapshot that is being restored. */
  readonly target: string;
  /** What the repository was like before. */
  readonly safety: string;
  readonly filesOnly: boolean;
  /** Byte paths; null for all. */
  readonly paths: readonly string[] | null;
  readonly startedAt: string;
}

function journalFile(gitDir: string): string {
  return path.join(gitDir, 'devs', 'restore.json');
}

export function writeJournal(gitDir: string, journal: Journal): void {
  fs.mkdirSync(path.dirname(journalFile(gitDir)), { recursive: true });
  replaceFile(journalFile(gitDir), Buffer.from(`${JSON.stringify(journal)}\n`));
}

export function readJournal(gitDir: string): Journal | null {
  const file = journalFile(gitDir);
  const text = readTextIfThere(file);
  if (text === null) return null;
  const journal = JSON.parse(text) as Journal;
  if (journal.schema === 1) return journal;
  throw new AtomicSnapshotError('DEVS_JOURNAL_UNKNOWN', `${file} was written by a newer devs`, {
    data: { path: file },
  });
}

export function closeJournal(gitDir: string): void {
  removeIfThere(journalFile(gitDir));
}
