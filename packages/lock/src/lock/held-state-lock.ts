import fs from 'node:fs';
import path from 'node:path';
import { type Heartbeat, startHeartbeat } from '../holder/heartbeat.ts';
import { type CreatedFile, isReplaced, type LockFs } from '../protocol/lock-fs.ts';
import { BUSY_MS, LOCK_FILE, type Removal, releaseOwn } from '../protocol/protocol.ts';
import { StateLockError } from '../record/errors.ts';
import { type LockData, serialize, timestampOffset } from '../record/record.ts';

/** How often a holder looks whether the lock is still its own. */
const WATCH_MS = 1_000;
/** When a lazy heartbeat starts its thread. */
const LAZY_MS = 1_000;

/** A lock this process holds. `await using` releases it. */
export class HeldStateLock {
  /** The directory that is locked. */
  readonly cwd: string;
  /** This generation's name; `StateLock.unlock` wants it. */
  readonly id: string;
  readonly lockData: LockData;
  /** Aborted when the lock was removed or replaced by another process. Its reason is a `StateLockError`. */
  readonly signal: AbortSignal;
  readonly #controller: AbortController;
  #heartbeat: Heartbeat | undefined;
  #starting: NodeJS.Timeout | undefined;
  readonly #watch: NodeJS.Timeout;
  readonly #file: CreatedFile;
  readonly #fs: LockFs;
  readonly #onRelease: () => void;
  #released: Promise<void> | undefined;

  /** @internal Use `StateLock.acquire`. */
  constructor(
    dir: { readonly cwd: string; readonly fs: LockFs; readonly file: CreatedFile },
    record: LockData & { readonly id: string },
    options: { readonly heartbeatMs: number; readonly lazyHeartbeat: boolean; readonly onRelease: () => void },
  ) {
    this.cwd = dir.cwd;
    this.id = record.id;
    this.lockData = record;
    this.#fs = dir.fs;
    this.#file = dir.file;
    this.#onRelease = options.onRelease;
    this.#controller = new AbortController();
    this.signal = this.#controller.signal;
    const start = () => {
      this.#heartbeat = startHeartbeat(dir.file.fd, timestampOffset(serialize(record)), options.heartbeatMs);
    };
    if (options.lazyHeartbeat) this.#starting = setTimeout(start, LAZY_MS).unref();
    else start();
    this.#watch = setInterval(() => this.#isLost(), Math.min(WATCH_MS, options.heartbeatMs));
    this.#watch.unref();
  }

  /** Throws `DEVS_LOCK_LOST` unless this process still holds the lock at this moment. */
  assertHeld(): void {
    if (this.#released !== undefined) throw this.#lost('was released');
    if (this.#isLost()) throw this.signal.reason;
  }

  #isLost(): boolean {
    if (!this.signal.aborted && this.#released === undefined && isReplaced(this.#file.fd, this.#path)) {
      this.#controller.abort(this.#lost('was removed or replaced by another process'));
    }
    return this.signal.aborted;
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

  /** Releases the lock. A second call does nothing; a lock lost before is left to its new holder. */
  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #release(): Promise<void> {
    clearInterval(this.#watch);
    clearTimeout(this.#starting);
    this.#heartbeat?.stop();
    try {
      await this.#remove();
    } finally {
      fs.closeSync(this.#file.fd);
      this.#onRelease();
    }
  }

  async #remove(): Promise<Removal> {
    let busySince: number | undefined;
    for (;;) {
      const outcome = await releaseOwn(this.#fs, this.id, this.#file);
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
