import { judge, type Verdict } from '../holder/liveness.ts';
import { Silence, type Silent, watchMs } from '../holder/silence.ts';
import { StateLockError } from '../record/errors.ts';
import { generationOf, type LockData, newRecord, parseRecord, serialize } from '../record/record.ts';
import { type CreatedFile, type LockFile, type LockFs, notALock } from './lock-fs.ts';

export const LOCK_FILE = '.devs-state.lock';
const RIGHT_PREFIX = `${LOCK_FILE}.rm.`;
const TEMPORARY = /\.tmp\.[0-9a-f]{16}$/;
/**
 * A reader treats an unparsable file younger than this as being created (file systems without hard
 * links).
 */
const BEING_CREATED_MS = 2_000;

/** A lock file as found: whose it is, which generation, and what is known of its holder. */
export interface FoundLock {
  readonly generation: string;
  readonly lock: LockData;
  readonly verdict: Verdict;
  /** Milliseconds since the holder's last sign of life, by the record's `timestamp`. */
  readonly ageMs: number;
  /**
   * The same, as far as it is to be believed: never negative, infinite where all clocks are in the
   * future.
   */
  readonly silentMs: number;
  /** False where the file holds no record; `lock` then says what little is known. */
  readonly parsed: boolean;
}

/**
 * What one attempt at a lock goes by, the clock and the judge replaceable where a test explores
 * interleavings.
 */
export interface LockEnvironment {
  readonly now: () => number;
  readonly judge: (record: LockData) => Verdict;
  /** A new record for a removal right. */
  readonly removalRight: () => LockData;
  /** What this process has seen so far; the same for all attempts at one lock. */
  readonly silence: Silence;
  /** Milliseconds of silence after which an unknown holder is taken over. */
  readonly maxAgeMs: number;
  readonly objection: Objection;
}

/**
 * Why the lock of a holder that may be taken over must stay all the same; null where nothing speaks
 * against it.
 */
export type Objection = (previous: LockData) => string | null | Promise<string | null>;

export function realEnvironment(maxAgeMs: number, objection: Objection = () => null): LockEnvironment {
  // A right lives for microseconds. The owner of one that was seen for three times this has
  // stopped.
  const removalRight = () => newRecord('remove', undefined, 500);
  return { now: Date.now, judge, removalRight, silence: new Silence(), maxAgeMs, objection };
}

/** Reads the lock and judges its holder. Null where there is none. */
export async function inspectLock(
  fs: LockFs,
  environment: Pick<LockEnvironment, 'now' | 'judge'> = { now: Date.now, judge },
): Promise<FoundLock | null> {
  const file = await fs.read(LOCK_FILE);
  if (file === null) return null;
  const isBeingCreated = Math.abs(environment.now() - file.writtenAtMs) < BEING_CREATED_MS;
  if (!isBeingCreated && !isOfALock(file.text)) throw notALock(fs.pathOf(LOCK_FILE), 'no record of a lock');
  return describeLock(file, environment);
}

/** How `serialize` begins every record. */
const BEGINNING = '{"pid":';

/**
 * Whether it is a record, or what a process left of one that was killed while it wrote it. Anything
 * else is another program's file, or a person's, and no silence makes it a lock to take over.
 */
function isOfALock(text: string): boolean {
  return parseRecord(text) !== null || text.startsWith(BEGINNING) || BEGINNING.startsWith(text);
}

function describeLock(file: LockFile, environment: Pick<LockEnvironment, 'now' | 'judge'>): FoundLock {
  const record = parseRecord(file.text);
  const generation = generationOf(file.text, record);
  const fileAgeMs = environment.now() - file.writtenAtMs;
  if (record !== null) {
    const ageMs = environment.now() - Date.parse(record.timestamp);
    return {
      generation,
      lock: record,
      verdict: environment.judge(record),
      ageMs,
      silentMs: silentFor(ageMs, fileAgeMs),
      parsed: true,
    };
  }
  const evidence = fileAgeMs < BEING_CREATED_MS ? 'its record is being written' : 'its record cannot be read';
  const timestamp = new Date(file.writtenAtMs).toISOString();
  const lock: LockData = { pid: 0, timestamp, task_id: '(unreadable)' };
  return {
    generation,
    lock,
    verdict: { state: 'unknown', evidence },
    ageMs: fileAgeMs,
    silentMs: silentFor(fileAgeMs, fileAgeMs),
    parsed: false,
  };
}

/**
 * A record may be of the future: a clock was set back, or it was planted to hold the lock for ever.
 * Then the time counts at which the file was written, and where that is in the future too, only
 * what this process sees.
 */
function silentFor(ageMs: number, fileAgeMs: number): number {
  if (ageMs >= 0) return ageMs;
  return fileAgeMs >= 0 ? fileAgeMs : Number.POSITIVE_INFINITY;
}

/** Which generation of the lock exists now, if any; without asking whether its holder lives. */
async function readGeneration(fs: LockFs): Promise<string | null> {
  const file = await readIfLock(fs, LOCK_FILE);
  return file === null || file === 'not a lock' ? null : generationOf(file.text, parseRecord(file.text));
}

/**
 * The startup rule: the dead at once, the unknown after silence, the living never. `not yet`:
 * silent by its record's age, but this process has to see it itself.
 */
function mayTakeOver(found: FoundLock, { silence, maxAgeMs }: LockEnvironment): Silent {
  if (found.verdict.state !== 'unknown') return found.verdict.state === 'dead' ? 'yes' : 'no';
  return silence.judge(found.generation, watchedRecord(found), found.silentMs, maxAgeMs);
}

/**
 * What the holder promised; where nothing says how old its record is, it is watched as if it
 * promised beats.
 */
function watchedRecord({ lock, silentMs }: FoundLock): LockData {
  return silentMs === Number.POSITIVE_INFINITY ? { ...lock, heartbeat_ms: lock.heartbeat_ms ?? 10_000 } : lock;
}

export interface Acquisition {
  readonly file: CreatedFile;
  readonly takeovers: readonly FoundLock[];
}

/** The holder that stands in the way. */
export interface Obstacle {
  readonly found: FoundLock;
  /**
   * For how many milliseconds, counted from the first attempt, it may yet turn out not to be one.
   */
  readonly undecidedMs: number;
}

/** How long another process may take to remove a lock, at most, before it counts as stuck. */
export const BUSY_MS = 2_000;

/**
 * One attempt: the lock, or the holder that stands in the way. Stale generations on the way are
 * removed.
 */
export async function tryAcquire(
  fs: LockFs,
  record: LockData,
  environment: LockEnvironment,
): Promise<Acquisition | Obstacle> {
  const takeovers: FoundLock[] = [];
  for (;;) {
    // Listed before the lock is created: names seen now belong to generations that our success
    // proves gone. Listed after it, a name could be the right to remove a successor, should our own
    // lock be broken in between.
    const leftovers = await fs.list(RIGHT_PREFIX);
    const file = await fs.create(LOCK_FILE, serialize(record));
    if (file !== null) {
      await removeLeftovers(fs, leftovers);
      return { file, takeovers };
    }
    const found = await inspectLock(fs, environment);
    if (found === null) continue;
    const outcome = await tryTakeOver(fs, found, environment);
    if (typeof outcome === 'object') return outcome;
    if (outcome === 'removed') takeovers.push(found);
  }
}

/**
 * A killed process leaves one or two. Many were planted; they do no harm, and must not delay the
 * run.
 */
const MAX_LEFTOVERS = 100;

/**
 * Removes rights to remove generations that are gone. What is no record of ours is left to the
 * user.
 */
async function removeLeftovers(fs: LockFs, names: readonly string[]): Promise<void> {
  for (const name of names.slice(0, MAX_LEFTOVERS)) {
    if (TEMPORARY.test(name)) continue;
    const file = await readIfLock(fs, name);
    if (file !== null && file !== 'not a lock' && parseRecord(file.text) !== null) await fs.remove(name);
  }
}

async function readIfLock(fs: LockFs, name: string): Promise<LockFile | null | 'not a lock'> {
  try {
    return await fs.read(name);
  } catch (error) {
    if (error instanceof StateLockError && error.code === 'DEVS_LOCK_NOT_A_LOCK') return 'not a lock';
    throw error;
  }
}

/** Removes the lock that was found if the startup rule allows it; else what stands in the way. */
export async function tryTakeOver(
  fs: LockFs,
  found: FoundLock,
  environment: LockEnvironment,
): Promise<Obstacle | Removal> {
  const may = mayTakeOver(found, environment);
  if (may === 'no') return { found, undecidedMs: 0 };
  if (may === 'not yet') return { found, undecidedMs: watchMs(watchedRecord(found), environment.maxAgeMs) + BUSY_MS };
  const objection = await environment.objection(found.lock);
  if (objection !== null) return { found: withEvidence(found, objection), undecidedMs: 0 };
  const outcome = await removeGeneration(fs, found.generation, environment);
  return outcome === 'busy' ? { found, undecidedMs: BUSY_MS } : outcome;
}

export function withEvidence(found: FoundLock, more: string): FoundLock {
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
 * Only the process that exclusively created the removal right `.rm.<generation>` may unlink the
 * lock, and only after it read that the lock still is that generation. While the right exists no
 * other process may unlink it, and no successor can be created before that, so what was read stays
 * true until the unlink. Generations are never reused: there is no ABA. The right of a dead process
 * is superseded by a right on that right, `.rm.<generation>.<right>`, never by creating it anew,
 * for two processes could then both believe that they did.
 */
export async function removeGeneration(fs: LockFs, generation: string, environment: LockEnvironment): Promise<Removal> {
  const chain = [RIGHT_PREFIX + generation];
  for (;;) {
    const removalRight = chain[chain.length - 1]!;
    const created = await fs.create(removalRight, serialize(environment.removalRight()));
    if (created !== null) {
      await fs.close(created);
      const ours = (await readGeneration(fs)) === generation;
      if (ours) await fs.remove(LOCK_FILE);
      // The lock is gone for good now, so the rights on it mean nothing any more, whatever their
      // order.
      for (const name of chain) await fs.remove(name);
      return ours ? 'removed' : 'gone';
    }
    const owner = await readIfLock(fs, removalRight);
    // A right is only ever removed after its generation.
    if (owner === null) return 'gone';
    if (owner !== 'not a lock' && mayTakeOver(describeLock(owner, environment), environment) !== 'yes') return 'busy';
    chain.push(superseding(removalRight, owner));
  }
}

/** File systems allow names of 255 bytes. */
const MAX_NAME = 200;

/** The name of the right that supersedes a dead process's; all processes call it the same. */
function superseding(removalRight: string, owner: LockFile | 'not a lock'): string {
  // A directory, a pipe or a link was planted: no process of ours makes one. No generation is
  // called `~`.
  const generation = owner === 'not a lock' ? '~' : generationOf(owner.text, parseRecord(owner.text));
  const name = `${removalRight}.${generation}`;
  return name.length <= MAX_NAME ? name : RIGHT_PREFIX + generationOf(name, null);
}

/**
 * Removes the lock that this process holds, as `removeGeneration` does, with fewer calls: the right
 * is a second name of the lock file itself. What has that name is proof that the lock was still
 * ours when the right came to be, and while it exists no other process may unlink the lock.
 */
export async function releaseOwn(
  fs: LockFs,
  generation: string,
  file: CreatedFile,
  environment: LockEnvironment = realEnvironment(Number.POSITIVE_INFINITY),
): Promise<Removal> {
  const removalRight = RIGHT_PREFIX + generation;
  const claim = await fs.claim(LOCK_FILE, removalRight, file);
  if (claim === 'gone') return 'gone';
  if (claim === 'taken' || claim === 'unsupported') return removeGeneration(fs, generation, environment);
  if (claim === 'ours') await fs.remove(LOCK_FILE);
  await fs.remove(removalRight);
  return claim === 'ours' ? 'removed' : 'gone';
}

/** Temporary files; an old one was left behind by a killed process. */
export async function temporaryLeftovers(fs: LockFs): Promise<readonly string[]> {
  return (await fs.list(LOCK_FILE)).filter((name) => TEMPORARY.test(name));
}
