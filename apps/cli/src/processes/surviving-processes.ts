import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import process from 'node:process';
import type { LockData } from '@devs/lock';

/** A process that a run started and that outlived it. */
export interface SurvivingProcess {
  readonly pid: number;
  readonly command: string;
}

/**
 * Processes that have `variable=value` in their environment: started by a run, and still alive.
 * Linux and macOS (elsewhere: none), and only processes whose environment this user may read.
 */
export function processesWith(variable: 'DEVS_RUN_ID' | 'DEVS_LOCK_ID', value: string): readonly SurvivingProcess[] {
  if (process.platform === 'linux') return searchProc(`${variable}=${value}`);
  return process.platform === 'darwin' ? searchPs(`${variable}=${value}`) : [];
}

function searchProc(assignment: string): readonly SurvivingProcess[] {
  const needle = Buffer.from(`\0${assignment}\0`);
  const found: SurvivingProcess[] = [];
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const environment = readProc(name, 'environ');
    if (environment === null) continue;
    if (!Buffer.concat([Buffer.from('\0'), environment]).includes(needle)) continue;
    const command = readProc(name, 'cmdline')?.toString('utf8').replaceAll('\0', ' ').trim() ?? '';
    found.push({ pid: Number(name), command });
  }
  return found;
}

function readProc(pid: string, file: string): Buffer | null {
  try {
    return fs.readFileSync(`/proc/${pid}/${file}`);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(code)) return null;
    throw error;
  }
}

/** `ps -E` of macOS appends the environment to the command. */
function searchPs(assignment: string): readonly SurvivingProcess[] {
  const { stdout } = spawnSync('/bin/ps', ['-A', '-E', '-ww', '-o', 'pid=,command='], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return (stdout ?? '').split('\n').flatMap((line) => {
    const [, pid, command] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
    if (pid === undefined || Number(pid) === process.pid || !` ${command} `.includes(` ${assignment} `)) return [];
    return [{ pid: Number(pid), command: command!.replace(/ [A-Za-z_][A-Za-z0-9_]*=.*$/, '') }];
  });
}

/** The surviving processes of the dead run that held this lock. */
export function survivorsOf(lock: LockData): readonly SurvivingProcess[] {
  return lock.id === undefined ? [] : processesWith('DEVS_LOCK_ID', lock.id);
}

/** Whether the lock of a dead run may be taken over while processes that it started survive. */
export type SurvivorPolicy = 'refuse' | 'warn';

const NAMED = 5;

export function describeProcesses(processes: readonly SurvivingProcess[]): string {
  const names = processes.slice(0, NAMED).map(({ pid, command }) => `pid ${pid} (${shorten(command)})`);
  return names.join(', ') + (processes.length > NAMED ? ` and ${processes.length - NAMED} more` : '');
}

function shorten(command: string): string {
  return command.length > 60 ? `${command.slice(0, 57)}...` : command;
}
