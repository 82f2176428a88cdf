import { CliError, EXIT_USAGE } from './errors.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Three hundred years: the number of milliseconds stays one that dates can be reckoned with. */
const MAX_DURATION_MS = 1e13;

/**
 * Milliseconds of `500ms`, `30s`, `10m`, `2h`, `14d`; a bare number is seconds. @throws CliError
 * `DEVS_DURATION`
 */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim());
  const ms = match === null ? Number.NaN : Number(match[1]) * UNITS[match[2] ?? 's']!;
  if (ms <= MAX_DURATION_MS) return ms;
  throw new CliError('DEVS_DURATION', `'${text}' is no duration: write it as 500ms, 30s, 10m, 2h or 14d`, {
    hint: ['devs', '--help'],
    exitCode: EXIT_USAGE,
  });
}

/** Node's timers overflow beyond 2^31 - 1 milliseconds (24 days), and then go off at once. */
export const MAX_TIMER_MS = 2_147_483_647;

/** For people: `850ms`, `12.3s`, `4m 10s`, `3h 5m`, `2d`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)}s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes}m ${Math.floor((ms % 60_000) / 1_000)}s`;
  return minutes < 24 * 60 ? `${Math.floor(minutes / 60)}h ${minutes % 60}m` : `${Math.floor(minutes / 1_440)}d`;
}

/** For people: `512 B`, `3.4 KiB`, `12.0 MiB`, `2.1 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let [value, unit] = [bytes, 0];
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return unit === 0 ? `${bytes} B` : `${value.toFixed(1)} ${units[unit]}`;
}

/** `1 file`, `2 files`. */
export function formatCount(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

export function formatAge(iso: string, now: number = Date.now()): string {
  const ms = Math.max(0, now - Date.parse(iso));
  return ms < 1_000 ? 'just now' : `${formatDuration(Math.floor(ms / 1_000) * 1_000).replace(/\.0s/, 's')} ago`;
}
