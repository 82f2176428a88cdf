import SQLite from 'better-sqlite3';

/** Never garbage collected: see packages/db/src/open/sqlite.ts. */
const kept: unknown[] = [];

/** The rows that a statement gives, over a connection of its own; not by the code on trial. */
export function query(file: string, source: string, ...parameters: unknown[]): Record<string, unknown>[] {
  // Not read only: such a connection leaves files behind.
  const sqlite = new SQLite(file);
  try {
    const statement = sqlite.prepare<unknown[], Record<string, unknown>>(source);
    kept.push(sqlite, statement);
    if (statement.reader) return statement.all(...parameters);
    statement.run(...parameters);
    return [];
  } finally {
    sqlite.close();
  }
}
