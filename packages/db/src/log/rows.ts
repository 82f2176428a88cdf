import type { EventKind, RunStatus } from '../schema/schema.ts';
import type { Run, RunEvent, Task } from './records.ts';

// The only place where rows become records, in camel case, and where what a row says is checked.
// The command that a run starts can write to the git directory, so a row is input like any other. A
// row that cannot have been written by devs is set aside by itself: the reader behaves as if it
// were not there.

/** Longer texts are not read. The longest argument list that Linux accepts is 2 MiB. */
export const MAX_TEXT_LENGTH: number = 2 * 1024 * 1024;
/** Event data is a few hundred bytes, but names each path of a partial restore. */
export const MAX_DATA_LENGTH: number = 16 * 1024 * 1024;

const STATUSES: ReadonlySet<unknown> = new Set<RunStatus>(['running', 'succeeded', 'failed', 'crashed', 'snapshot']);
const KINDS: ReadonlySet<unknown> = new Set<EventKind>(['takeover', 'crash', 'restore', 'undo', 'drop', 'gc']);
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const REF = /^refs\/devs\/snapshots\/[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const OID = /^[0-9a-f]{40}$/;
/** An ISO 8601 time begins with its date. */
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]{5,20}Z$/;

type Row = Readonly<Record<string, unknown>>;

/** Whether `id` can name a run or a task. */
export function isId(id: unknown): id is string {
  return typeof id === 'string' && ID.test(id);
}

/** Null where the row is not one that devs writes. */
export function runOfRow(row: Row): Run | null {
  const isSound =
    isId(row.id) &&
    isId(row.task_id) &&
    isText(row.command) &&
    STATUSES.has(row.status) &&
    isTime(row.started_at) &&
    isNullOr(row.finished_at, isTime) &&
    isNullOr(row.exit_code, isCount) &&
    isNullOr(row.signal, isText) &&
    isNullOr(row.error, isText) &&
    isNullOr(row.head_before, isOid) &&
    isNullOr(row.head_after, isOid) &&
    isNullOr(row.snapshot_ref, isRef) &&
    isNullOr(row.after_ref, isRef) &&
    isNullOr(row.snapshot_oid, isOid) &&
    isNullOr(row.after_oid, isOid) &&
    isNullOr(row.files_changed, isCount) &&
    isNullOr(row.lines_added, isCount) &&
    isNullOr(row.lines_deleted, isCount);
  if (!isSound) return null;
  return {
    id: row.id,
    taskId: row.task_id,
    command: row.command,
    status: row.status,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    exitCode: row.exit_code,
    signal: row.signal,
    error: row.error,
    headBefore: row.head_before,
    headAfter: row.head_after,
    snapshotRef: row.snapshot_ref,
    snapshotOid: row.snapshot_oid,
    afterRef: row.after_ref,
    afterOid: row.after_oid,
    filesChanged: row.files_changed,
    linesAdded: row.lines_added,
    linesDeleted: row.lines_deleted,
  } as Run;
}

/** Null where the row is not one that devs writes. */
export function taskOfRow(row: Row): Task | null {
  const isSound =
    isId(row.id) &&
    isText(row.command) &&
    STATUSES.has(row.status) &&
    isTime(row.created_at) &&
    isTime(row.updated_at) &&
    isNullOr(row.snapshot_stash_ref, isRef);
  if (!isSound) return null;
  return {
    id: row.id,
    command: row.command,
    status: row.status,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    snapshotStashRef: row.snapshot_stash_ref,
  } as Task;
}

/** Null where the row is not one that devs writes. */
export function eventOfRow(row: Row): RunEvent | null {
  const isSound =
    isCount(row.id) && isTime(row.at) && KINDS.has(row.kind) && isNullOr(row.run_id, isId) && isText(row.data);
  if (!isSound) return null;
  const data = dataOfText(row.data as string);
  return data === null ? null : ({ id: row.id, at: row.at, kind: row.kind, runId: row.run_id, data } as RunEvent);
}

/** The JSON of an event. Its names are in snake case, as the names of columns are. */
export function textOfData(data: object): string {
  return JSON.stringify(renamed(data, (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)));
}

function dataOfText(text: string): Readonly<Record<string, unknown>> | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return renamed(value, (name) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
}

/**
 * Renames the outermost names only: what is inside, a lock record for instance, has names of its
 * own.
 */
function renamed(value: object, rename: (name: string) => string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [rename(name), inner]));
}

function isNullOr(value: unknown, isSound: (value: unknown) => boolean): boolean {
  return value === null || isSound(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isTime(value: unknown): boolean {
  return isText(value) && TIME.test(value) && !Number.isNaN(Date.parse(value));
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isOid(value: unknown): boolean {
  return isText(value) && OID.test(value);
}

function isRef(value: unknown): boolean {
  return isText(value) && REF.test(value) && !value.includes('..');
}
