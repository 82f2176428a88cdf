import { spawnSync } from 'node:child_process';
import process from 'node:process';

// Absolute: a bare name would be looked up in the working directory, on Windows before anywhere
// else.
const POWERSHELL = 'C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe';

/**
 * When the process `pid` started, in milliseconds since the epoch, on systems without `/proc`; null
 * where it cannot be told. Starts a process, so it is asked only inside a conflict.
 */
export function foreignStartTime(pid: number): number | null {
  const [command, args] =
    process.platform === 'win32'
      ? [POWERSHELL, ['-NoProfile', '-Command', `(Get-Process -Id ${pid}).StartTime.ToUniversalTime().ToString('o')`]]
      : ['/bin/ps', ['-o', 'lstart=', '-p', String(pid)]];
  const answer = spawnSync(command as string, args as string[], {
    encoding: 'utf8',
    timeout: 5_000,
  });
  if (answer.status !== 0) return null;
  const time = Date.parse(answer.stdout.trim());
  return Number.isNaN(time) ? null : time;
}
