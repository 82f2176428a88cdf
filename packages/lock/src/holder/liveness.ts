import process from 'node:process';
import { ownIdentity, type ProcessIdentity, procStat } from '../record/process-identity.ts';
import type { LockData } from '../record/record.ts';
import { foreignStartTime } from './process-start.ts';

/**
 * Whether a record's process lives, and how that is known. `unknown` means: no means to tell from
 * here.
 */
export interface Verdict {
  readonly state: 'alive' | 'dead' | 'unknown';
  readonly evidence: string;
}

/**
 * Judges the process that wrote `record`. Only a process of the same boot and pid namespace can be
 * told apart.
 */
export function judge(record: LockData, self: ProcessIdentity = ownIdentity()): Verdict {
  if (record.boot_id === undefined || record.pid_ns === undefined) {
    return { state: 'unknown', evidence: 'its record does not say where its process runs' };
  }
  if (!sameBoot(record.boot_id, self.boot_id)) {
    return { state: 'unknown', evidence: `it was taken on another machine or boot (${record.hostname ?? 'unnamed'})` };
  }
  if (record.pid_ns !== self.pid_ns) {
    return { state: 'unknown', evidence: 'its process runs in another pid namespace (a container)' };
  }
  return process.platform === 'linux' ? judgeByProc(record) : judgeBySignal(record);
}

function judgeByProc(record: LockData): Verdict {
  if (!answersSignal(record.pid)) return { state: 'dead', evidence: `no process has pid ${record.pid}` };
  const stat = procStat(record.pid);
  if (stat === null) return { state: 'alive', evidence: `pid ${record.pid} answers` };
  if (stat.state === 'Z' || stat.state === 'X') {
    return { state: 'dead', evidence: `pid ${record.pid} has ended and waits for its parent` };
  }
  if (record.process_started_at !== undefined && stat.startTime !== record.process_started_at) {
    return { state: 'dead', evidence: `pid ${record.pid} is now another process` };
  }
  const stopped = stat.state === 'T' ? ', stopped' : '';
  return { state: 'alive', evidence: `pid ${record.pid} is running${stopped}` };
}

/**
 * `ps` and its like print whole seconds, and the holder estimated its own start: hence the
 * tolerance.
 */
const START_TOLERANCE_MS = 3_000;

function judgeBySignal(record: LockData): Verdict {
  if (!answersSignal(record.pid)) return { state: 'dead', evidence: `no process has pid ${record.pid}` };
  const started = foreignStartTime(record.pid);
  const recorded = Date.parse(record.process_started_at ?? '');
  if (started === null || Number.isNaN(recorded)) return { state: 'alive', evidence: `pid ${record.pid} answers` };
  return Math.abs(started - recorded) <= START_TOLERANCE_MS
    ? { state: 'alive', evidence: `pid ${record.pid} is running` }
    : { state: 'dead', evidence: `pid ${record.pid} is now another process` };
}

function answersSignal(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EPERM') return true;
    if (code === 'ESRCH') return false;
    throw error;
  }
}

/** Boots named by time (see `portableIdentity`) are the same within this many seconds. */
const BOOT_TOLERANCE_S = 5;

function sameBoot(a: string, b: string | undefined): boolean {
  if (b === undefined) return false;
  if (a === b) return true;
  const [hostA, timeA] = splitBoot(a);
  const [hostB, timeB] = splitBoot(b);
  return hostA !== '' && hostA === hostB && Math.abs(timeA - timeB) <= BOOT_TOLERANCE_S;
}

function splitBoot(boot: string): [string, number] {
  const colon = boot.lastIndexOf(':');
  return colon === -1 ? ['', Number.NaN] : [boot.slice(0, colon), Number(boot.slice(colon + 1))];
}
