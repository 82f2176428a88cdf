import { createHash, randomUUID } from 'node:crypto';
import { ownIdentity } from './process-identity.ts';

/**
 * The lock file's JSON. Only the first three fields are required: a record of another tool that has
 * just those works. Unknown fields are ignored. See `state-lock.agent.md`.
 */
export interface LockData {
  /** Process id of the holder, in the holder's pid namespace. */
  readonly pid: number;
  /** The holder's last sign of life, ISO 8601 UTC. Refreshed in place while the lock is held. */
  readonly timestamp: string;
  /** The task the lock is held for. */
  readonly task_id: string;
  /** Random name of this generation of the lock; never reused. */
  readonly id?: string;
  /** When the lock was acquired, ISO 8601 UTC. */
  readonly acquired_at?: string;
  readonly hostname?: string;
  /** Names one boot of one machine. */
  readonly boot_id?: string;
  /** Names the pid namespace in which `pid` is meant. */
  readonly pid_ns?: string;
  /**
   * Tells the holder from a later process with the same pid. Opaque: compared, never computed with.
   */
  readonly process_started_at?: string;
  /** What the holder runs, for people. */
  readonly command?: string;
  /**
   * Milliseconds between two refreshes of `timestamp`; absent where the holder refreshes nothing.
   */
  readonly heartbeat_ms?: number;
  /** Version of this record's format. */
  readonly version?: number;
}

/** People read them. With more, the record could grow beyond what its readers accept. */
const MAX_TEXT = 2_000;

/** A record of this process; its id is fresh unless `id` gives one. */
export function newRecord(
  taskId: string,
  command?: string,
  heartbeatMs?: number,
  id: string = newGeneration(),
): LockData & { readonly id: string } {
  const now = new Date().toISOString();
  const { pid, ...identity } = ownIdentity();
  return {
    pid,
    timestamp: now,
    task_id: taskId.slice(0, MAX_TEXT),
    id,
    acquired_at: now,
    ...identity,
    ...(command === undefined ? {} : { command: command.slice(0, MAX_TEXT) }),
    ...(heartbeatMs === undefined ? {} : { heartbeat_ms: heartbeatMs }),
    version: 1,
  };
}

/** 64 random bits, in hexadecimal. */
export function newGeneration(): string {
  // Node fetches randomness for many of these at once. Its first and its last eight digits are all
  // random (RFC 9562, section 5.4).
  const uuid = randomUUID();
  return uuid.slice(0, 8) + uuid.slice(-8);
}

export function serialize(record: LockData): string {
  return `${JSON.stringify(record)}\n`;
}

/**
 * Byte offset of the timestamp's 24 characters in what `serialize` returned. All before it is
 * ASCII.
 */
export function timestampOffset(text: string): number {
  return text.indexOf('"timestamp":"') + '"timestamp":"'.length;
}

/** The largest that kill(2) takes. */
const MAX_PID = 0x7fff_ffff;

/** The record in `text`, or null where it is none. */
export function parseRecord(text: string): LockData | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { pid, timestamp, task_id } = value as Record<string, unknown>;
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0 || pid > MAX_PID) return null;
  if (typeof timestamp !== 'string' || Number.isNaN(Date.parse(timestamp)) || typeof task_id !== 'string') return null;
  return { pid, timestamp, task_id, ...optionalFields(value as Record<string, unknown>) };
}

const STRINGS = ['acquired_at', 'hostname', 'boot_id', 'pid_ns', 'process_started_at', 'command'] as const;
const NUMBERS = ['heartbeat_ms', 'version'] as const;

type OptionalFields = Omit<LockData, 'pid' | 'timestamp' | 'task_id'>;

/**
 * Another process wrote them: a field of the wrong type, or one that is not known, counts as
 * absent.
 */
function optionalFields(value: Readonly<Record<string, unknown>>): OptionalFields {
  const fields: [string, unknown][] = [];
  // It becomes a part of file names.
  if (typeof value.id === 'string' && /^[0-9A-Za-z_-]{1,64}$/.test(value.id)) fields.push(['id', value.id]);
  for (const key of STRINGS) if (typeof value[key] === 'string') fields.push([key, value[key]]);
  for (const key of NUMBERS) if (Number.isFinite(value[key])) fields.push([key, value[key]]);
  return Object.fromEntries(fields);
}

/**
 * The name of the generation that `text` records: its id, or for records without one a digest of
 * what it says. The timestamp is left out for records with an id only, since they alone are
 * refreshed in place.
 */
export function generationOf(text: string, record: LockData | null): string {
  return record?.id ?? `x${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}
