import { randomBytes } from 'node:crypto';

/** A unique name that sorts by time and reads as one: `20261123-115402123-9f3c2a`. */
export function newSnapshotId(now: Date = new Date()): string {
  const [date, time] = now
    .toISOString()
    .replace(/[-:.Z]/g, '')
    .split('T');
  return `${date}-${time}-${randomBytes(3).toString('hex')}`;
}

export const SNAPSHOT_REFS = 'refs/devs/snapshots/';
