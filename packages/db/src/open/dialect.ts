import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
} from 'kysely';
import { explainSqliteError } from '../base/errors.ts';

/**
 * Explains SQLite's errors, and begins transactions IMMEDIATE. Kysely's default is deferred: two
 * transactions that read and then write would both start, and one would fail at once with
 * SQLITE_BUSY_SNAPSHOT, which `busy_timeout` does not cover
 * (https://www.sqlite.org/lang_transaction.html).
 */
class ImmediateSqliteDriver extends SqliteDriver {
  readonly #file: string;

  constructor(config: SqliteDialectConfig, file: string) {
    super(config);
    this.#file = file;
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const connection = await super.acquireConnection();
    // One connection serves the whole database: it is given out again and again.
    if (!Object.hasOwn(connection, 'executeQuery')) {
      const executeQuery = connection.executeQuery.bind(connection);
      connection.executeQuery = async <R>(query: CompiledQuery) => {
        try {
          return await executeQuery<R>(query);
        } catch (error) {
          throw explainSqliteError(this.#file, error);
        }
      };
    }
    return connection;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  /**
   * SQLite has rolled back by itself where the disk was full or could not be read
   * (https://www.sqlite.org/lang_transaction.html, section 3), and a second time fails. That
   * failure would hide the first.
   */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await super.rollbackTransaction(connection);
    } catch (error) {
      const { message } = error as Error;
      if (!message.includes('no transaction is active')) throw error;
    }
  }
}

export class ImmediateSqliteDialect extends SqliteDialect {
  readonly #config: SqliteDialectConfig;
  readonly #file: string;

  /** `file`: its name, for errors. */
  constructor(config: SqliteDialectConfig, file: string) {
    super(config);
    this.#config = config;
    this.#file = file;
  }

  override createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#config, this.#file);
  }
}
