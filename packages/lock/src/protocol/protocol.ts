import { judge, type Verdict } from '../holder/liveness.ts';
import { Silence, type Silent, watchMs } from '../holder/silence.ts';
import { generationOf, type LockData, newRecord, parseRecord, serialize } from '../record/record.ts';
import type { CreatedFile, LockFs } from './lock-fs.ts';

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

/** What one attempt at a lock goes by, the clock and the judge replaceable where a test explores interleavings. */
export interface Surroundings {
  readonly now: () => number;
  readonly judge: (record: LockData) => Verdict;
  /** A new record for a removal right. */
  readonly right: () => LockData;
  /** What this process has seen so far; the same for all attempts at one lock. */
  readonly silence: Silence;
  /** Milliseconds of silence after which an unknown holder is taken over. */
  readonly maxAgeMs: number;
  readonly objection: Objection;
}

/** Why the lock of a holder that may be taken over must stay all the same; null where nothing speaks against it. */
export type Objection = (previous: LockData) => string | null | Promise<string | null>;

export function realSurroundings(maxAgeMs: number, objection: Objection = () => null): Surroundings {
  // A right lives for microseconds. One that was seen for three times this is in the hands of nobody.
  const right = () => newRecord('remove', undefined, 500);
  return { now: Date.now, judge, right, silence: new Silence(), maxAgeMs, objection };
}

export async function look(
  fs: LockFs,
  name: string = LOCK_FILE,
  around: Pick<Surroundings, 'now' | 'judge'> = { now: Date.now, judge },
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

/**
 * The startup rule: the dead at once, the unknown after silence, the living never. `not yet`: silent by its record's
 * age, but this process has to see it with its own eyes.
 */
function mayTakeOver(found: Found, { silence, maxAgeMs }: Surroundings): Silent {
  if (found.verdict.state !== 'unknown') return found.verdict.state === 'dead' ? 'yes' : 'no';
  return silence.judge(found.generation, found.lock, found.ageMs, maxAgeMs);
}

export interface Acquisition {
  readonly file: CreatedFile;
  readonly takeovers: readonly Found[];
}

/** The holder that stands in the way. */
export interface Obstacle {
  readonly found: Found;
  /** For how many milliseconds, counted from the first attempt, it may yet turn out not to be one. */
  readonly undecidedMs: number;
}

/** How long another process may take to remove a lock, at most, before it counts as stuck. */
export const BUSY_MS = 2_000;

/** One attempt: the lock, or the holder that stands in the way. Stale generations on the way are removed. */
export async function tryAcquire(fs: LockFs, record: LockData, around: Surroundings): Promise<Acquisition | Obstacle> {
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
    const outcome = await tryTakeOver(fs, found, around);
    if (typeof outcome === 'object') return outcome;
    if (outcome === 'removed') takeovers.push(found);
  }
}

/** Removes the lock that was found if the startup rule allows it; else what stands in the way. */
export async function tryTakeOver(fs: LockFs, found: Found, around: Surroundings): Promise<Obstacle | Removal> {
  const may = mayTakeOver(found, around);
  if (may === 'no') return { found, undecidedMs: 0 };
  if (may === 'not yet') return { found, undecidedMs: watchMs(found.lock, around.maxAgeMs) + BUSY_MS };
  const objection = await around.objection(found.lock);
  if (objection !== null) return { found: withEvidence(found, objection), undecidedMs: 0 };
  const outcome = await removeGeneration(fs, found.generation, around);
  return outcome === 'busy' ? { found, undecidedMs: BUSY_MS } : outcome;
}

export function withEvidence(found: Found, more: string): Found {
  return { ...found, verdict: { ...found.verdict, evidence: `${found.verdict.evidence}, but ${more}` } };
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
export async function removeGeneration(fs: LockFs, generation: string, around: Surroundings): Promise<Removal> {
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
    if (mayTakeOver(owner, around) !== 'yes') return 'busy';
    chain.push(`${right}.${owner.generation}`);
  }
}

/**
 * Removes the lock that this process holds, as `removeGeneration` does, with fewer calls: the right is a second name of
 * the lock file itself. What has that name is proof that the lock was still ours when the right came to be, and while
 * it exists nobody else may unlink the lock.
 */
export async function releaseOwn(
  fs: LockFs,
  generation: string,
  file: CreatedFile,
  around: Surroundings = realSurroundings(Number.POSITIVE_INFINITY),
): Promise<Removal> {
  const right = RIGHT_PREFIX + generation;
  const claim = await fs.claim(LOCK_FILE, right, file);
  if (claim === 'gone') return 'gone';
  if (claim === 'taken' || claim === 'unsupported') return removeGeneration(fs, generation, around);
  if (claim === 'ours') await fs.remove(LOCK_FILE);
  await fs.remove(right);
  return claim === 'ours' ? 'removed' : 'gone';
}

/** Temporary files; an old one was left behind by a killed process. */
export async function temporaryLeftovers(fs: LockFs): Promise<readonly string[]> {
  return (await fs.list(LOCK_FILE)).filter((name) => TEMPORARY.test(name));
}
