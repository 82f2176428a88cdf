import type SQLite from 'better-sqlite3';

// Triggers, views, virtual tables, generated columns and expressions run when a row is read or
// written. devs makes none of them, so a file that has one was made by someone else. The check is a
// grammar rather than a list of names: the tables of a newer devs pass, and so does one that was
// made by hand.

const MAX_OBJECTS = 100;
const MAX_SQL_LENGTH = 20_000;

const NAME = '"?\\w+"?';
const COLUMN = new RegExp(
  `^(${NAME}) (?:text|integer|varchar\\(255\\))(?: not null| primary key| autoincrement| unique| default \\d+| references ${NAME} ?\\(${NAME}\\))*$`,
);
const TABLE = new RegExp(`^create table (?:if not exists )?${NAME} ?\\((.*)\\)$`);
const CONDITION = `${NAME} (?:is not null|is null|= '\\w+')`;
const INDEX = new RegExp(
  `^create (?:unique )?index (?:if not exists )?${NAME} on ${NAME} ?\\((${NAME}(?:, ?${NAME})*)\\)(?: where ${CONDITION}(?: or ${CONDITION})*)?$`,
);

/** What SQLite makes by itself: the counter of `autoincrement`, and the indexes of primary keys. */
const OWN_TABLE = 'create table sqlite_sequence(name,seq)';

/** Columns that the queries of this version name. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  tasks: ['id', 'command', 'status', 'created_at', 'updated_at', 'snapshot_stash_ref'],
  runs: (
    'id task_id status started_at finished_at exit_code signal error head_before head_after snapshot_ref after_ref ' +
    'command files_changed lines_added lines_deleted snapshot_oid after_oid'
  ).split(' '),
  events: ['id', 'at', 'kind', 'run_id', 'data'],
};

interface SchemaObject {
  readonly type: string;
  readonly name: string;
  readonly sql: string | null;
}

export interface SchemaVerdict {
  /** What devs never makes, for people; null where there is none. */
  readonly foreign: string | null;
  /** Whether every table and column that the queries name is there. */
  readonly isComplete: boolean;
}

/** Looks at the schema alone; no row of any table is read. */
export function judgeSchema(sqlite: SQLite.Database): SchemaVerdict {
  const objects = sqlite
    .prepare(
      `select type, name, case when length(sql) > ${MAX_SQL_LENGTH} then 'too long' else sql end as sql
       from sqlite_master limit ${MAX_OBJECTS + 1}`,
    )
    .all() as SchemaObject[];
  if (objects.length > MAX_OBJECTS) return { foreign: `more than ${MAX_OBJECTS} tables`, isComplete: false };
  const columns = new Map<string, ReadonlySet<string>>();
  for (const object of objects) {
    if (isPlainIndex(object)) continue;
    const names = columnsOf(object);
    if (names === null) return { foreign: `a ${object.type} called ${object.name}`, isComplete: false };
    columns.set(object.name, names);
  }
  const isComplete = Object.entries(REQUIRED).every(([table, names]) =>
    names.every((name) => columns.get(table)?.has(name) === true),
  );
  return { foreign: null, isComplete };
}

function isPlainIndex({ type, sql }: SchemaObject): boolean {
  return type === 'index' && (sql === null || INDEX.test(plain(sql)));
}

/** The columns of a plain table; null for anything else. */
function columnsOf({ type, sql }: SchemaObject): ReadonlySet<string> | null {
  if (type !== 'table' || sql === null) return null;
  const text = plain(sql);
  if (text === OWN_TABLE) return new Set();
  const definitions = TABLE.exec(text)?.[1]?.split(',') ?? [];
  const names = definitions.map((definition) => COLUMN.exec(definition.trim())?.[1]?.replaceAll('"', ''));
  return names.length > 0 && names.every((name) => name !== undefined) ? new Set(names as string[]) : null;
}

function plain(sql: string): string {
  return sql.replace(/\s+/g, ' ').trim().toLowerCase();
}
