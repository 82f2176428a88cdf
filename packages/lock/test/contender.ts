import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('contender.mjs', import.meta.url));

/**
 * A process that does with the lock of a directory what the test tells it, when the test tells it.
 */
export class Contender {
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  counted = 0;
  #answers: ((answer: unknown) => void)[] = [];

  private constructor(dir: string, wrapper: readonly string[]) {
    const [command, ...args] = [...wrapper, process.execPath, SCRIPT, dir];
    this.child = spawn(command!, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.exited = new Promise((resolve) => this.child.once('exit', () => resolve()));
    this.child.on('message', (message: { answer?: unknown; counted?: number }) => {
      if (message.counted !== undefined) this.counted++;
      else this.#answers.shift()?.(message.answer);
    });
    // Whoever waits for an answer of a killed process gets none.
    this.child.once('exit', () => {
      for (const answer of this.#answers) answer('killed');
    });
  }

  /** `wrapper`: a command that starts it, such as `unshare --pid --fork`. */
  static async start(dir: string, wrapper: readonly string[] = []): Promise<Contender> {
    const contender = new Contender(dir, wrapper);
    if ((await contender.#answer()) !== 'ready') throw new Error(`${SCRIPT} did not start`);
    return contender;
  }

  #answer(): Promise<unknown> {
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  ask(request: 'acquire' | 'release' | 'isLost' | 'block' | 'count', argument?: unknown): Promise<unknown> {
    const answer = this.#answer();
    this.child.send({ request, argument });
    return answer;
  }

  /** Ends a count without end. */
  finish(): void {
    this.child.send({ request: 'finish' });
  }

  /** Resolves when it has counted next, and so is inside, or on its way out or in again. */
  nextCount(): Promise<void> {
    return new Promise((resolve) => this.child.once('message', () => resolve()));
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.child.kill(signal);
  }
}
