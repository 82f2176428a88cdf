import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import process from 'node:process';
import type { LockData } from '@devs/lock';

export interface LeftBehind {
  readonly pid: number;
  readonly command: string;
}

/**
 * Processes that have `variable=value` in their environment: started by a run, and still alive. Linux and macOS
 * (elsewhere: none), and only processes whose environment this user may read.
 */
export function processesWith(variable: 'DEVS_RUN_ID' | 'DEVS_LOCK_ID', value: string): readonly LeftBehind[] {
  if (process.platform === 'linux') return searchProc(`${variable}=${value}`);
  return process.platform === 'darwin' ? searchPs(`${variable}=${value}`) : [];
}

function searchProc(assignment: string): readonly LeftBehind[] {
  const needle = Buffer.from(`\0${assignment}\0`);
  const found: LeftBehind[] = [];
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
function searchPs(assignment: string): readonly LeftBehind[] {
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

/** What a run that died left at work in the project. */
export function orphansOf(lock: LockData): readonly LeftBehind[] {
  return lock.id === undefined ? [] : processesWith('DEVS_LOCK_ID', lock.id);
}

/** Whether the lock of a dead run may be taken over while processes it started still run. */
export type OrphanPolicy = 'refuse' | 'warn';

const NAMED = 5;

export function describeProcesses(processes: readonly LeftBehind[]): string {
  const names = processes.slice(0, NAMED).map(({ pid, command }) => `pid ${pid} (${shorten(command)})`);
  return names.join(', ') + (processes.length > NAMED ? ` and ${processes.length - NAMED} more` : '');
}

function shorten(command: string): string {
  return command.length > 60 ? `${command.slice(0, 57)}...` : command;
}
