import type { Progress } from '@devs/snapshot';
import { now } from '../base/clock.ts';

/** Work shorter than this is over before a user wonders. */
const QUIET_MS = 500;
const EVERY_MS = 100;

const WORDS: Readonly<Record<Progress['phase'], string>> = {
  scan: 'looking at tracked files',
  store: 'reading changed files',
  write: 'writing objects',
  prove: 'checking what will be restored',
  apply: 'restoring files',
};

/** One line that is written over and over, on a terminal only. */
export class ProgressLine {
  readonly #stream: Pick<NodeJS.WriteStream, 'write' | 'isTTY'> | null;
  #since: number | null = null;
  #shownAt = Number.NEGATIVE_INFINITY;
  #isShown = false;

  constructor(stream: Pick<NodeJS.WriteStream, 'write' | 'isTTY'> | null) {
    this.#stream = stream?.isTTY === true ? stream : null;
  }

  /** `at`: milliseconds of a clock that never goes back. */
  update({ phase, done, total }: Progress, at: number = now()): void {
    if (this.#stream === null) return;
    this.#since ??= at;
    if (at - this.#since < QUIET_MS || at - this.#shownAt < EVERY_MS) return;
    this.#shownAt = at;
    this.#isShown = true;
    const count = phase === 'write' ? `${total}` : `${done} of ${total}`;
    this.#stream.write(`\r\x1b[Kdevs: ${WORDS[phase]}: ${count}`);
  }

  clear(): void {
    if (this.#isShown) this.#stream!.write('\r\x1b[K');
    this.#isShown = false;
    this.#since = null;
  }
}
