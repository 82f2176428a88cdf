import SQLite from 'better-sqlite3';

/**
 * Connections and statements that are never garbage collected. Compiled with the headers of Node
 * 24.19 or newer (26 has them too), better-sqlite3 aborts the process when one is:
 * `node::ObjectWrap`'s destructor now asks for the environment of the entered context
 * (https://github.com/nodejs/node/pull/63642), and a garbage collection has none. What stays is a
 * few kilobytes a connection; SQLite's own memory is freed when it is closed.
 */
const neverCollected: unknown[] = [];

/**
 * Opens an SQLite file whose statements are each prepared once. Use `exec` for what `pragma()`
 * would do: that prepares anew.
 */
export function openSqlite(file: string | Buffer, options?: SQLite.Options): SQLite.Database {
  const sqlite = new SQLite(file, options);
  const prepare = sqlite.prepare.bind(sqlite);
  const statements = new Map<string, SQLite.Statement>();
  neverCollected.push(sqlite, statements);
  sqlite.prepare = ((source: string) => {
    const known = statements.get(source);
    if (known !== undefined) return known;
    const statement = prepare(source);
    statements.set(source, statement);
    return statement;
  }) as typeof sqlite.prepare;
  return sqlite;
}
