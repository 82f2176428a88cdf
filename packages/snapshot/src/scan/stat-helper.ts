import type fs from 'node:fs';
import process from 'node:process';
import type { Worker } from 'node:worker_threads';
import type { IndexEntry } from '../git/index-entry.ts';
import type { GitIndex } from '../git/index-file.ts';
import { statMatches } from '../git/index-file.ts';

/** What is proven of a tracked file: 0 nothing yet, else its permissions and one of these. */
export const PROVEN_FILE = 0x1000;
export const PROVEN_LINK = 0x2000;
export const NOT_PROVEN = 0x8000;
const PERMISSIONS = 0o7777;

/** Fewer files than this are looked at sooner than a thread could help. */
const WORTH_A_THREAD = 20_000;

interface Job {
  readonly root: string;
  readonly bytes: Uint8Array;
  readonly mtimeMs: number;
  /** Where the entries to look at start in the index's bytes. */
  readonly offsets: Uint32Array;
  readonly proofs: Uint16Array;
  /** Not 0: the scan no longer waits for the rest. */
  readonly stopped: Int32Array;
}

/**
 * An idle thread costs some memory; a restore or a failed run takes two snapshots within this time.
 */
const IDLE_MS = 5_000;

/** At most one thread waits for the next scan of this process. */
let idle: StatHelper | undefined;

/**
 * A second thread that looks at tracked files from the last to the first, while the scan goes from
 * the first to the last: where they meet, all is done, and neither waits for the other. It only
 * ever proves that a file is what the index says; what it cannot prove, and all it is too late for,
 * the scan looks at itself.
 */
export class StatHelper {
  readonly #worker: Worker;
  #stopped: Int32Array | undefined;
  #retirement: NodeJS.Timeout | undefined;

  private constructor() {
    const source = `(${workerMain.toString()})(require, ${statMatches.toString()}, ${constants()})`;
    // Loaded here: most repositories are too small for it.
    const threads = process.getBuiltinModule('node:worker_threads');
    this.#worker = new threads.Worker(source, { eval: true, execArgv: [], env: {} });
    this.#worker.unref();
    // Without the thread the scan does everything itself.
    this.#worker.on('error', () => {
      if (idle === this) idle = undefined;
    });
  }

  /**
   * Starting a thread takes as long as looking at thousands of files: so it may be started ahead of
   * the scan.
   */
  static prepare(): void {
    idle ??= new StatHelper();
  }

  static take(): StatHelper {
    const helper = idle ?? new StatHelper();
    idle = undefined;
    clearTimeout(helper.#retirement);
    return helper;
  }

  /** Starts looking; the returned proofs, by position, fill up as it goes. */
  look(root: string, index: GitIndex, entries: readonly IndexEntry[]): Uint16Array {
    const proofs = new Uint16Array(new SharedArrayBuffer(entries.length * 2));
    const bytes = new Uint8Array(new SharedArrayBuffer(index.bytes!.length));
    bytes.set(index.bytes!);
    const offsets = new Uint32Array(new SharedArrayBuffer(entries.length * 4));
    entries.forEach((entry, position) => {
      offsets[position] = entry.offset;
    });
    const stopped = new Int32Array(new SharedArrayBuffer(4));
    this.#stopped = stopped;
    const job: Job = { root, bytes, mtimeMs: index.mtimeMs, offsets, proofs, stopped };
    this.#worker.postMessage(job);
    return proofs;
  }

  /** The scan is over. */
  giveBack(): void {
    if (this.#stopped !== undefined) Atomics.store(this.#stopped, 0, 1);
    if (idle !== undefined) {
      void this.#worker.terminate();
      return;
    }
    idle = this;
    this.#retirement = setTimeout(() => {
      if (idle === this) idle = undefined;
      void this.#worker.terminate();
    }, IDLE_MS).unref();
  }

  /** Whether `index` is one that a thread can read and that is large enough for it to pay. */
  static isWorthIt(index: GitIndex): boolean {
    // Names are only whole in versions 2 and 3 of an index that is neither split nor sparse.
    const isWhole = index.table === index.bytes;
    return isWhole && index.entries.length >= WORTH_A_THREAD && index.bytes.readUInt32BE(4) < 4;
  }
}

function constants(): string {
  return JSON.stringify({ PROVEN_FILE, PROVEN_LINK, NOT_PROVEN, PERMISSIONS });
}

/**
 * The thread's whole program. Its text is sent to the thread: it must use nothing but its
 * parameters.
 */
function workerMain(
  load: NodeJS.Require,
  matches: (table: DataView, at: number, indexMtimeMs: number, stat: fs.Stats) => boolean,
  proven: Readonly<Record<'PROVEN_FILE' | 'PROVEN_LINK' | 'NOT_PROVEN' | 'PERMISSIONS', number>>,
): void {
  const { lstatSync } = load('node:fs') as typeof fs;
  const { parentPort } = load('node:worker_threads') as typeof import('node:worker_threads');
  parentPort!.on('message', ({ root, bytes: shared, mtimeMs, offsets, proofs, stopped }: Job) => {
    const bytes = Buffer.from(shared.buffer);
    const table = new DataView(shared.buffer);
    for (let i = offsets.length - 1; i >= 0 && stopped[0] === 0; i--) {
      if (proofs[i] !== 0) continue;
      const at = offsets[i]!;
      const flags = bytes.readUInt16BE(at + 60);
      const nameAt = at + (flags & 0x4000 ? 64 : 62);
      const name = bytes.toString('latin1', nameAt, bytes.indexOf(0, nameAt));
      let proof = proven.NOT_PROVEN;
      try {
        const stat = /[^\x00-\x7f]/.test(name) ? undefined : lstatSync(`${root}/${name}`, { throwIfNoEntry: false });
        if (stat !== undefined && matches(table, at, mtimeMs, stat)) {
          proof = (stat.mode & proven.PERMISSIONS) | (stat.isSymbolicLink() ? proven.PROVEN_LINK : proven.PROVEN_FILE);
        }
      } catch {
        // Whatever it was, the scan meets it too, and reports it.
      }
      proofs[i] = proof;
    }
  });
}
