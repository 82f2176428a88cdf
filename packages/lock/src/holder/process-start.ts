import { spawnSync } from 'node:child_process';
import process from 'node:process';

/**
 * When the process `pid` started, in milliseconds since the epoch, on systems without `/proc`; null where it cannot
 * be told. Starts a process, so it is asked only inside a conflict.
 */
export function foreignStartTime(pid: number): number | null {
  const [command, args] =
    process.platform === 'win32'
      ? ['powershell', ['-NoProfile', '-Command', `(Get-Process -Id ${pid}).StartTime.ToUniversalTime().ToString('o')`]]
      : ['ps', ['-o', 'lstart=', '-p', String(pid)]];
  const answer = spawnSync(command as string, args as string[], {
    encoding: 'utf8',
    timeout: 5_000,
  });
  if (answer.status !== 0) return null;
  const time = Date.parse(answer.stdout.trim());
  return Number.isNaN(time) ? null : time;
}
