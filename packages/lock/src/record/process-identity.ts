import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, uptime } from 'node:os';
import process from 'node:process';

/** What lets another process tell whether this one still lives. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly hostname: string;
  readonly boot_id?: string;
  readonly pid_ns?: string;
  readonly process_started_at?: string;
}

let cached: ProcessIdentity | undefined;

/** This process's identity. Starts no process. Computed once per process. */
export function ownIdentity(): ProcessIdentity {
  cached ??= process.platform === 'linux' ? linuxIdentity() : portableIdentity();
  return cached;
}

function linuxIdentity(): ProcessIdentity {
  const boot = readOptional('/proc/sys/kernel/random/boot_id');
  const startedAt = procStat(process.pid)?.startTime;
  return {
    pid: process.pid,
    hostname: hostname(),
    ...(boot === null ? {} : { boot_id: boot }),
    ...pidNamespace(),
    ...(startedAt === undefined ? {} : { process_started_at: startedAt }),
  };
}

/**
 * Elsewhere the boot is named by its time and the process by its start, both compared with a
 * tolerance.
 */
function portableIdentity(): ProcessIdentity {
  return {
    pid: process.pid,
    hostname: hostname(),
    boot_id: `${hostname()}:${Math.round(Date.now() / 1000 - uptime())}`,
    pid_ns: process.platform,
    process_started_at: new Date(Date.now() - process.uptime() * 1000).toISOString(),
  };
}

function pidNamespace(): { pid_ns?: string } {
  try {
    return { pid_ns: readlinkSync('/proc/self/ns/pid') };
  } catch (error) {
    if (isAbsence(error)) return {};
    throw error;
  }
}

/**
 * State and start time (clock ticks since boot) from `/proc/<pid>/stat`, proc_pid_stat(5) fields 3
 * and 22.
 */
export function procStat(pid: number): { readonly state: string; readonly startTime: string } | null {
  const text = readOptional(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The second field, the command in parentheses, may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]];
  return state !== undefined && startTime !== undefined ? { state, startTime } : null;
}

function readOptional(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

/**
 * ESRCH: the process ended while its `/proc` file was read. EACCES: `/proc` mounted with `hidepid`.
 */
function isAbsence(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES';
}
