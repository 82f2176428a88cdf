import fs from 'node:fs';
import path from 'node:path';
import type SQLite from 'better-sqlite3';
import { DatabaseError, explainSqliteError } from '../base/errors.ts';
import { judgeSchema } from '../schema/plain-schema.ts';
import { DATABASE_FILE } from './open-database.ts';
import { assertSafeFiles } from './safe-files.ts';
import { openSqlite } from './sqlite.ts';

export interface DatabaseCheck {
  readonly exists: boolean;
  /** Files of a write-ahead log: a process uses the database, or was killed while using it. */
  readonly leftovers: readonly string[];
  /** What is wrong inside, in SQLite's words; empty: nothing. */
  readonly problems: readonly string[];
}

/** Looks at `.devs.db` in `cwd`, every page of it, and changes nothing. */
export function checkDatabase(cwd: string): DatabaseCheck {
  const file = path.join(cwd, DATABASE_FILE);
  const leftovers = [`${file}-wal`, `${file}-shm`].filter((name) => fs.existsSync(name));
  if (fs.lstatSync(file, { throwIfNoEntry: false }) === undefined) return { exists: false, leftovers, problems: [] };
  // Read only where a log was left, so that it stays as it is. Elsewhere such a connection would
  // leave one itself.
  return { exists: true, leftovers, problems: integrityOf(file, leftovers.length > 0) };
}

function integrityOf(file: string, readonly: boolean): string[] {
  let sqlite: SQLite.Database | undefined;
  try {
    assertSafeFiles(file);
    sqlite = openSqlite(file, { readonly });
    sqlite.exec('pragma trusted_schema = OFF');
    const { foreign } = judgeSchema(sqlite);
    if (foreign !== null) return [`${file} has ${foreign}, which devs does not make`];
    const rows = sqlite.prepare('pragma integrity_check(5)').all() as { integrity_check: string }[];
    return rows.map((row) => row.integrity_check).filter((text) => text !== 'ok');
  } catch (error) {
    const explained = explainSqliteError(file, error);
    if (!(explained instanceof DatabaseError)) throw explained;
    return [explained.message];
  } finally {
    sqlite?.close();
  }
}
