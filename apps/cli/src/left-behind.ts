import fs from 'node:fs';
import process from 'node:process';

export interface LeftBehind {
  readonly pid: number;
  readonly command: string;
}

/**
 * Processes that carry `DEVS_RUN_ID=<runId>` in their environment: started by the run and still alive. Linux only
 * (elsewhere: none), and only processes whose environment this user may read.
 */
export function processesOfRun(runId: string): readonly LeftBehind[] {
  if (process.platform !== 'linux') return [];
  const needle = Buffer.from(`\0DEVS_RUN_ID=${runId}\0`);
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
