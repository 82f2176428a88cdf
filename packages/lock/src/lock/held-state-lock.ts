import fs from 'node:fs';
import path from 'node:path';
import { type Heartbeat, startHeartbeat } from '../holder/heartbeat.ts';
import { type CreatedFile, isReplaced, type LockFs } from '../protocol/lock-fs.ts';
import {
  BUSY_MS,
  inspectLock,
  LOCK_FILE,
  type Removal,
  realEnvironment,
  releaseOwn,
  removeGeneration,
} from '../protocol/protocol.ts';
import { StateLockError } from '../record/errors.ts';
import { type LockData, serialize, timestampOffset } from '../record/record.ts';

/** How often a holder looks whether the lock is still its own. */
const WATCH_MS = 1_000;
/** When a lazy heartbeat starts its thread. */
const LAZY_MS = 1_000;

interface HeldOptions {
  readonly heartbeatMs: number;
  readonly lazyHeartbeat: boolean;
  readonly onRelease: () => void;
  readonly decidedBy: HeldStateLock | undefined;
}

/** A lock this process holds. `await using` releases it. */
export class HeldStateLock {
  /** The directory that is locked. */
  readonly cwd: string;
  /** This generation's name; `StateLock.unlock` wants it. */
  readonly id: string;
  readonly lockData: LockData;
  /**
   * Aborted when the lock was removed or replaced by another process. Its reason is a
   * `StateLockError`.
   */
  readonly signal: AbortSignal;
  readonly #controller: AbortController;
  #heartbeat: Heartbeat | undefined;
  #starting: NodeJS.Timeout | undefined;
  readonly #watch: NodeJS.Timeout;
  #file: CreatedFile;
  readonly #fs: LockFs;
  readonly #options: HeldOptions;
  #puttingBack: Promise<void> | undefined;
  #released: Promise<void> | undefined;

  /** @internal Use `StateLock.acquire`. */
  constructor(
    dir: { readonly cwd: string; readonly fs: LockFs; readonly file: CreatedFile },
    record: LockData & { readonly id: string },
    options: HeldOptions,
  ) {
    this.cwd = dir.cwd;
    this.id = record.id;
    this.lockData = record;
    this.#fs = dir.fs;
    this.#file = dir.file;
    this.#options = options;
    this.#controller = new AbortController();
    this.signal = this.#controller.signal;
    if (options.lazyHeartbeat) this.#starting = setTimeout(() => this.#startHeartbeat(), LAZY_MS).unref();
    else this.#startHeartbeat();
    this.#watch = setInterval(() => this.#isLost(), Math.min(WATCH_MS, options.heartbeatMs));
    this.#watch.unref();
  }

  #startHeartbeat(): void {
    const offset = timestampOffset(serialize(this.lockData));
    this.#heartbeat = startHeartbeat(this.#file.fd, offset, this.#options.heartbeatMs);
  }

  /** Throws `DEVS_LOCK_LOST` unless this process still holds the lock at this moment. */
  assertHeld(): void {
    if (this.#released !== undefined) throw this.#lost('was released');
    if (this.#isLost()) throw this.signal.reason;
  }

  #isLost(): boolean {
    if (this.signal.aborted || this.#released !== undefined) return this.signal.aborted;
    const { decidedBy } = this.#options;
    if (decidedBy !== undefined && !decidedBy.#isLost()) {
      if (isReplaced(this.#file.fd, this.#path)) this.#puttingBack ??= this.#putBack();
    } else if (decidedBy !== undefined || isReplaced(this.#file.fd, this.#path)) this.#abort();
    return this.signal.aborted;
  }

  #abort(): void {
    this.#controller.abort(this.#lost('was removed or replaced by another process'));
  }

  /**
   * Never rejects: nothing is thrown from a timer, and the lock that decides is held, whatever
   * becomes of this one.
   */
  async #putBack(): Promise<void> {
    try {
      const found = await inspectLock(this.#fs);
      if (found === null) await this.#recreate();
      // A living process that does not know the lock that decides, such as an older devs, believes
      // to be alone.
      else if (found.generation !== this.id && found.verdict.state === 'alive') this.#abort();
    } catch {
      // What lies there now is no lock file, or none can be written. The next look tries again.
    } finally {
      this.#puttingBack = undefined;
    }
  }

  async #recreate(): Promise<void> {
    // As long as the old one, so that the time stays at its place.
    const text = serialize({ ...this.lockData, timestamp: new Date().toISOString() });
    const file = await this.#fs.create(LOCK_FILE, text);
    if (file === null) return;
    const isBeating = this.#heartbeat !== undefined;
    this.#heartbeat?.stop();
    fs.closeSync(this.#file.fd);
    this.#file = file;
    if (isBeating) this.#startHeartbeat();
  }

  get #path(): string {
    return path.join(this.cwd, LOCK_FILE);
  }

  #lost(how: string): StateLockError {
    return new StateLockError('DEVS_LOCK_LOST', `the lock ${this.#path} (${this.id}) ${how}`, {
      hint: ['devs', 'status'],
      data: { path: this.#path, id: this.id },
    });
  }

  /**
   * Releases the lock. A second call does nothing; a lock lost before is left to its new holder.
   */
  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #release(): Promise<void> {
    clearInterval(this.#watch);
    clearTimeout(this.#starting);
    await this.#puttingBack;
    this.#heartbeat?.stop();
    try {
      await this.#remove();
    } finally {
      fs.closeSync(this.#file.fd);
      this.#options.onRelease();
    }
  }

  async #remove(): Promise<Removal> {
    let busySince: number | undefined;
    for (;;) {
      const outcome = await releaseOwn(this.#fs, this.id, this.#file);
      // A record that came back from a stash or a commit is another file of the same generation.
      if (outcome === 'gone' && this.#options.decidedBy !== undefined) {
        return removeGeneration(this.#fs, this.id, realEnvironment(Number.POSITIVE_INFINITY));
      }
      if (outcome !== 'busy') return outcome;
      busySince ??= performance.now();
      if (performance.now() - busySince > BUSY_MS) return outcome;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
