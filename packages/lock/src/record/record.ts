import { createHash, randomUUID } from 'node:crypto';
import { ownIdentity } from './process-identity.ts';

/**
 * The lock file's JSON. Only the first three fields are required: a record of another tool that has just those works.
 * Unknown fields are ignored. See `state-lock.agent.md`.
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
  /** Tells the holder from a later process with the same pid. Opaque: compared, never computed with. */
  readonly process_started_at?: string;
  /** What the holder runs, for people. */
  readonly command?: string;
  /** Milliseconds between two refreshes of `timestamp`; absent where the holder refreshes nothing. */
  readonly heartbeat_ms?: number;
  /** Version of this record's format. */
  readonly version?: number;
}

/** A record of this process with a fresh id. */
export function newRecord(taskId: string, command?: string, heartbeatMs?: number): LockData & { readonly id: string } {
  const now = new Date().toISOString();
  const { pid, ...identity } = ownIdentity();
  return {
    pid,
    timestamp: now,
    task_id: taskId,
    id: newGeneration(),
    acquired_at: now,
    ...identity,
    ...(command === undefined ? {} : { command }),
    ...(heartbeatMs === undefined ? {} : { heartbeat_ms: heartbeatMs }),
    version: 1,
  };
}

/** 64 random bits, in hexadecimal. */
export function newGeneration(): string {
  // Node fetches randomness for many of these at once. Its first and its last eight digits are all random (RFC 9562, section 5.4).
  const uuid = randomUUID();
  return uuid.slice(0, 8) + uuid.slice(-8);
}

export function serialize(record: LockData): string {
  return `${JSON.stringify(record)}\n`;
}

/** Byte offset of the timestamp's 24 characters in what `serialize` returned. All before it is ASCII. */
export function timestampOffset(text: string): number {
  return text.indexOf('"timestamp":"') + '"timestamp":"'.length;
}

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
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return null;
  if (typeof timestamp !== 'string' || Number.isNaN(Date.parse(timestamp)) || typeof task_id !== 'string') return null;
  return dropMistyped(value as Record<string, unknown>) as unknown as LockData;
}

const STRINGS = ['id', 'acquired_at', 'hostname', 'boot_id', 'pid_ns', 'process_started_at', 'command'];

/** A field of the wrong type counts as absent, so that no reader has to check again. */
function dropMistyped(value: Record<string, unknown>): Record<string, unknown> {
  const copy = { ...value };
  for (const key of STRINGS) if (typeof copy[key] !== 'string') delete copy[key];
  for (const key of ['heartbeat_ms', 'version']) if (typeof copy[key] !== 'number') delete copy[key];
  if (typeof copy.id === 'string' && !/^[0-9A-Za-z_-]{1,64}$/.test(copy.id)) delete copy.id;
  return copy;
}

/**
 * The name of the generation that `text` records: its id, or for records without one a digest of what it says.
 * The timestamp is left out for records with an id only, since they alone are refreshed in place.
 */
export function generationOf(text: string, record: LockData | null): string {
  return record?.id ?? `x${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}
