// Fuzzing of parsers: real inputs are changed at random, and the parser must either refuse the
// result with an error of its own or return something sound, within a second and 256 MiB.
//
// How to add a target. In `test/fuzz/<anything>.test.ts` of a package:
//
//     const TARGETS: FuzzTarget[] = [
//       {
//         name: 'lock-record',                       // the folder of its findings
//         seeds: () => [Buffer.from(JSON.stringify(record))],   // best made by the real program
//         run: (input) => { parseLockRecord(input); },          // throws what is wrong with a result
//         refuses: (error) => error instanceof LockError,        // the coded errors, and no others
//         tokens: ['"pid"', 'null'],                 // optional: words that mean something to it
//         encode: (plain) => deflateSync(plain),     // optional: seeds are changed inside a wrapping, too
//       },
//     ];
//     test.each(TARGETS)('$name', (target) => fuzz(target, import.meta.dirname), fuzzTimeout());
//
// Each target replays the files in `test/fuzz/seeds/<name>/` first. A finding is written there, and
// the message says where: commit it with the fix. `DEVS_FUZZ_SECONDS` (20 for all targets together,
// which is what CI takes) and `DEVS_FUZZ_SEED` (1) are read from the environment.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import v8 from 'node:v8';
import vm from 'node:vm';
import { mutate } from './mutate.ts';
import { Random } from './random.ts';
import { Watchdog } from './watchdog.ts';

export interface FuzzTarget {
  readonly name: string;
  readonly seeds: () => readonly Uint8Array[];
  readonly run: (input: Buffer) => void | Promise<void>;
  readonly refuses: (error: unknown) => boolean;
  readonly tokens?: readonly string[];
  readonly encode?: (plain: Buffer) => Uint8Array;
}

export interface FuzzReport {
  readonly inputs: number;
  readonly refused: number;
  readonly sound: number;
  /** Different answers: what a refusal says, numbers and names left out. */
  readonly answers: number;
}

const MAX_MS = 1_000;
const MAX_BYTES = 256 << 20;
/** One that takes so long never ends, however busy the machine is. */
const HANGS_AFTER_MS = 20_000;
/** The time is divided as if there were so many targets, in all packages together. */
const TARGETS = 32;
const MAX_CORPUS = 500;

function seconds(): number {
  return Number(process.env.DEVS_FUZZ_SECONDS ?? 20) / TARGETS;
}

/** For the test that calls `fuzz`, in milliseconds. */
export function fuzzTimeout(): number {
  return seconds() * 2_000 + 120_000;
}

/**
 * @throws Error that names the file of the input for which the target did something else than it
 * should.
 */
export async function fuzz(target: FuzzTarget, testDir: string): Promise<FuzzReport> {
  const findings = path.join(testDir, 'seeds', target.name);
  const watchdog = new Watchdog(findings, HANGS_AFTER_MS);
  try {
    return await new Fuzzing(target, findings, watchdog).run();
  } finally {
    await watchdog.stop();
  }
}

class Fuzzing {
  readonly #target: FuzzTarget;
  readonly #findings: string;
  readonly #watchdog: Watchdog;
  readonly #answers = new Map<string, number>();
  #memory = 0;
  #inputs = 0;

  constructor(target: FuzzTarget, findings: string, watchdog: Watchdog) {
    this.#target = target;
    this.#findings = findings;
    this.#watchdog = watchdog;
  }

  async run(): Promise<FuzzReport> {
    const { seeds, encode = (plain) => plain, tokens = [] } = this.#target;
    const plain: Buffer[] = seeds().map((bytes) => Buffer.from(bytes));
    const corpus: Buffer[] = plain.map((bytes) => Buffer.from(encode(bytes)));
    this.#memory = process.memoryUsage.rss();
    for (const bytes of [...savedIn(this.#findings), ...corpus]) await this.#try(bytes);
    const random = new Random(Number(process.env.DEVS_FUZZ_SEED ?? 1));
    const end = Date.now() + seconds() * 1_000;
    // Where time is short on a busy machine, a few are tried all the same.
    while (Date.now() < end || this.#inputs < 200) {
      const isInside = this.#target.encode !== undefined && random.below(2) === 0;
      const from: Buffer[] = isInside ? plain : corpus;
      const changed = mutate(random.pick(from), { random, corpus: from, tokens });
      const isNew = await this.#try(isInside ? Buffer.from(encode(changed)) : changed);
      // What gets a new answer got further into the parser, so it is changed further.
      if (isNew && from.length < MAX_CORPUS) from.push(changed);
    }
    const sound = this.#answers.get('sound') ?? 0;
    const report = { inputs: this.#inputs, refused: this.#inputs - sound, sound, answers: this.#answers.size };
    if (process.env.DEVS_FUZZ_SECONDS !== undefined) {
      process.stderr.write(`fuzz: ${this.#target.name} ${JSON.stringify(report)}\n`);
    }
    return report;
  }

  /** True where the answer is one that no input got before. */
  async #try(input: Buffer): Promise<boolean> {
    this.#inputs++;
    const begin = performance.now();
    const answer = await this.#answerTo(input);
    if (performance.now() - begin > MAX_MS) await this.#tryAgain(input, 'slow');
    if (process.memoryUsage.rss() - this.#memory > MAX_BYTES) {
      collectGarbage();
      this.#memory = process.memoryUsage.rss();
      await this.#tryAgain(input, 'large');
    }
    const known = this.#answers.get(answer) ?? 0;
    this.#answers.set(answer, known + 1);
    return known === 0;
  }

  /** Once is no proof on a busy machine: three times are. */
  async #tryAgain(input: Buffer, what: 'slow' | 'large'): Promise<void> {
    let exceeded = 0;
    for (let i = 0; i < 3; i++) {
      collectGarbage();
      const memory = process.memoryUsage.rss();
      const begin = performance.now();
      await this.#answerTo(input);
      const isOver =
        what === 'slow' ? performance.now() - begin > MAX_MS : process.memoryUsage.rss() - memory > MAX_BYTES;
      if (isOver) exceeded++;
    }
    if (exceeded === 3)
      this.#report(input, `takes more than ${what === 'slow' ? `${MAX_MS} ms` : `${MAX_BYTES} bytes`}`);
  }

  async #answerTo(input: Buffer): Promise<string> {
    let answer = 'sound';
    await this.#watchdog.watch(input, async () => {
      try {
        await this.#target.run(Buffer.from(input));
      } catch (error) {
        if (!this.#target.refuses(error)) this.#report(input, String((error as Error).stack ?? error));
        answer = (error as Error).message.replace(/\/\S+|[0-9a-f]{40}|\d+|"(?:[^"\\]|\\.)*"/g, '#').slice(0, 200);
      }
    });
    return answer;
  }

  #report(input: Buffer, what: string): never {
    const file = path.join(this.#findings, createHash('sha256').update(input).digest('hex').slice(0, 16));
    fs.mkdirSync(this.#findings, { recursive: true });
    fs.writeFileSync(file, input);
    throw new Error(`${this.#target.name}: input ${this.#inputs}, saved as ${file}: ${what}`);
  }
}

function savedIn(dir: string): Buffer[] {
  if (!fs.existsSync(dir)) return [];
  const names = fs.readdirSync(dir).sort();
  return names.map((name) => fs.readFileSync(path.join(dir, name)));
}

let gc: (() => void) | undefined;

function collectGarbage(): void {
  if (gc === undefined) {
    v8.setFlagsFromString('--expose-gc');
    gc = vm.runInNewContext('gc') as () => void;
  }
  gc();
}
