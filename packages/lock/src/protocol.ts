import { judge, type Verdict } from './liveness.ts';
import type { CreatedFile, LockFs } from './lock-fs.ts';
import { generationOf, type LockData, newRecord, parseRecord, serialize } from './record.ts';

export const LOCK_FILE = '.devs-state.lock';
const RIGHT_PREFIX = `${LOCK_FILE}.rm.`;
const TEMPORARY = /\.tmp\.[0-9a-f]{16}$/;
/** A reader treats an unparsable file younger than this as being created (file systems without hard links). */
const BEING_CREATED_MS = 2_000;

/** A lock file as found: whose it is, which generation, and what is known of its holder. */
export interface Found {
  readonly generation: string;
  readonly lock: LockData;
  readonly verdict: Verdict;
  /** Milliseconds since the holder's last sign of life, by the record's `timestamp`. */
  readonly ageMs: number;
  /** False where the file holds no record; `lock` then says what little is known. */
  readonly parsed: boolean;
}

/** The clock, the judge and the source of ids, replaceable where a test explores interleavings. */
export interface Surroundings {
  readonly now: () => number;
  readonly judge: (record: LockData) => Verdict;
  /** A new record for a removal right. */
  readonly right: () => LockData;
}

export const realSurroundings: Surroundings = { now: Date.now, judge, right: () => newRecord('remove') };

export async function look(
  fs: LockFs,
  name: string = LOCK_FILE,
  around: Surroundings = realSurroundings,
): Promise<Found | null> {
  const file = await fs.read(name);
  if (file === null) return null;
  const record = parseRecord(file.text);
  const generation = generationOf(file.text, record);
  if (record !== null) {
    const ageMs = around.now() - Date.parse(record.timestamp);
    return { generation, lock: record, verdict: around.judge(record), ageMs, parsed: true };
  }
  const evidence = file.ageMs < BEING_CREATED_MS ? 'its record is being written' : 'its record cannot be read';
  const timestamp = new Date(around.now() - file.ageMs).toISOString();
  const lock: LockData = { pid: 0, timestamp, task_id: '(unreadable)' };
  return { generation, lock, verdict: { state: 'unknown', evidence }, ageMs: file.ageMs, parsed: false };
}

/** Which generation of the lock exists now, if any; without asking whether its holder lives. */
async function readGeneration(fs: LockFs): Promise<string | null> {
  const file = await fs.read(LOCK_FILE);
  return file === null ? null : generationOf(file.text, parseRecord(file.text));
}

/** The startup rule: the dead at once, the unknown after silence, the living never. */
export function mayTakeOver(found: Found, maxAgeMs: number): boolean {
  if (found.verdict.state === 'alive') return false;
  return found.verdict.state === 'dead' || found.ageMs > maxAgeMs;
}

export interface Acquisition {
  readonly file: CreatedFile;
  readonly takeovers: readonly Found[];
}

/** One attempt: the lock, or the holder that stands in the way. Stale generations on the way are removed. */
export async function tryAcquire(
  fs: LockFs,
  record: LockData,
  maxAgeMs: number,
  around: Surroundings = realSurroundings,
): Promise<Acquisition | Found> {
  const takeovers: Found[] = [];
  for (;;) {
    // Listed before the lock is created: names seen now belong to generations that our success proves gone. Listed
    // after it, a name could be the right to remove a successor, should our own lock be broken in between.
    const leftovers = await fs.list(RIGHT_PREFIX);
    const file = await fs.create(LOCK_FILE, serialize(record));
    if (file !== null) {
      for (const name of leftovers) if (!TEMPORARY.test(name)) await fs.remove(name);
      return { file, takeovers };
    }
    const found = await look(fs, LOCK_FILE, around);
    if (found === null) continue;
    if (!mayTakeOver(found, maxAgeMs)) return found;
    const outcome = await removeGeneration(fs, found.generation, maxAgeMs, around);
    if (outcome === 'busy') return found;
    if (outcome === 'removed') takeovers.push(found);
  }
}

export type Removal =
  /** This process removed it. */
  | 'removed'
  /** It was gone already. */
  | 'gone'
  /** Another living process is about to remove it. */
  | 'busy';

/**
 * Removes generation `generation` of the lock, and never another one.
 *
 * Only the process that exclusively created the removal right `.rm.<generation>` may unlink the lock, and only after it
 * read that the lock still is that generation. While the right exists nobody else may unlink it, and no successor can
 * be created before that, so what was read stays true until the unlink. Generations are never reused: there is no ABA.
 * The right of a dead process is superseded by a right on that right, `.rm.<generation>.<right>`, never by creating it
 * anew, for two processes could then both believe that they did.
 */
export async function removeGeneration(
  fs: LockFs,
  generation: string,
  maxAgeMs: number,
  around: Surroundings = realSurroundings,
): Promise<Removal> {
  const chain = [RIGHT_PREFIX + generation];
  for (;;) {
    const right = chain[chain.length - 1]!;
    const created = await fs.create(right, serialize(around.right()));
    if (created !== null) {
      await fs.close(created);
      const ours = (await readGeneration(fs)) === generation;
      if (ours) await fs.remove(LOCK_FILE);
      // The lock is gone for good now, so the rights on it mean nothing any more, whatever their order.
      for (const name of chain) await fs.remove(name);
      return ours ? 'removed' : 'gone';
    }
    const owner = await look(fs, right, around);
    // A right is only ever removed after its generation.
    if (owner === null) return 'gone';
    if (!mayTakeOver(owner, maxAgeMs)) return 'busy';
    chain.push(`${right}.${owner.generation}`);
  }
}

/** Temporary files; an old one was left behind by a killed process. */
export async function temporaryLeftovers(fs: LockFs): Promise<readonly string[]> {
  return (await fs.list(LOCK_FILE)).filter((name) => TEMPORARY.test(name));
}
