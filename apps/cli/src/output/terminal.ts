import process from 'node:process';
import { styleText } from 'node:util';
import type { Progress } from '@devs/snapshot';
import { type CodedError, type Hint, isCoded } from '../base/errors.ts';
import { quoteArgv, type ShellLine } from '../base/quote-argv.ts';
import { formatAge, formatDuration } from '../base/units.ts';
import { describeProcesses } from '../processes/surviving-processes.ts';
import type { RunnerEvent } from '../project/events.ts';
import { type Escaped, escapeJson, escapeLine, quotePath } from './escape.ts';
import { describeLeftAlone } from './left-alone.ts';
import { ProgressLine } from './progress-line.ts';

export interface TerminalOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** How the user calls devs, for hints that can be copied: `devs`, `devs -C dir`, `pnpm devs`. */
  readonly program: Hint;
}

type Colour = Parameters<typeof styleText>[0];

/** A part of a line that has a colour of ours. */
export interface Coloured {
  readonly colour: Colour;
  readonly text: string;
}

type Part = string | Coloured;

/**
 * Everything devs itself says goes to stderr; answers to queries go to stdout. Only this file
 * writes to either, and every line of text is escaped here: callers pass names, messages and
 * commands as they are, whichever program wrote them.
 */
export class Terminal {
  readonly options: TerminalOptions;
  readonly #progress: ProgressLine;

  constructor(options: TerminalOptions) {
    this.options = options;
    this.#progress = new ProgressLine(options.quiet || options.json ? null : process.stderr);
  }

  /** Shows how far long work is; the line goes away with the next thing said. */
  progress = (progress: Progress): void => this.#progress.update(progress);

  /** The only place where text is written. */
  #print(stream: NodeJS.WriteStream, line: Escaped): void {
    this.#progress.clear();
    stream.write(`${line}\n`);
  }

  #write(...parts: readonly Part[]): void {
    this.#print(process.stderr, lineOf(parts, process.stderr));
  }

  answer(...parts: readonly Part[]): void {
    this.#print(process.stdout, lineOf(parts, process.stdout));
  }

  /** Bytes as they are: for a file, another program, or a terminal after `escapeBytes`. */
  write(bytes: Uint8Array): void {
    this.#progress.clear();
    process.stdout.write(bytes);
  }

  json(value: object): void {
    this.#print(process.stdout, escapeJson(JSON.stringify({ schema: 1, ...value })));
  }

  say(text: string): void {
    if (!this.options.quiet && !this.options.json) this.#write(`devs: ${text}`);
  }

  /** A warning is said even when quiet: the user has to know it. */
  warn(text: string): void {
    if (this.options.json) this.note({ type: 'warning', message: text });
    else this.#write('devs: ', { colour: 'yellow', text: 'WARN' }, ` ${text}`);
  }

  /** One line of JSON on stderr: what devs says while the command's own bytes have stdout. */
  note(value: object): void {
    this.#print(process.stderr, escapeJson(JSON.stringify({ schema: 1, ...value })));
  }

  /** A command that the user can copy into a shell. */
  hint([program, ...words]: Hint): ShellLine {
    return quoteArgv(program === 'devs' ? [...this.options.program, ...words] : [program, ...words]);
  }

  error(error: unknown): void {
    if (!isCoded(error)) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      if (this.options.json) this.note({ code: 'DEVS_INTERNAL', message: text });
      else this.#writeLines({ colour: 'red', text: 'internal error' }, text);
      return;
    }
    const hint = error.hint === undefined ? undefined : this.hint(error.hint);
    if (this.options.json) {
      this.note({
        code: error.code,
        message: error.message,
        ...(hint === undefined ? {} : { hint }),
        data: error.data ?? {},
      });
      return;
    }
    const [first, ...more] = messageOf(error).split('\n');
    this.#writeLines({ colour: 'red', text: 'error' }, [`${first} [${error.code}]`, ...more].join('\n'));
    if (hint !== undefined) this.#write(`devs:   ${hint}`);
  }

  /** Each line begins with `devs:`, so that none can pass for the command's own or the shell's. */
  #writeLines(kind: Coloured, text: string): void {
    const [first, ...more] = text.split('\n');
    this.#write('devs: ', kind, `: ${first}`);
    for (const line of more) this.#write(`devs: ${line}`);
  }

  /** Renders an event of a run or a repair. */
  event = (event: RunnerEvent): void => {
    switch (event.type) {
      case 'takeover': {
        const { previous, state, ageMs, evidence } = event.takeover;
        const age = formatDuration(Math.max(0, ageMs));
        this.warn(
          `took over the lock of pid ${previous.pid}, task ${previous.task_id}: ${state}, silent for ${age} (${evidence})`,
        );
        return;
      }
      case 'waiting': {
        const { pid, task_id, acquired_at } = event.holder;
        const since = acquired_at === undefined ? '' : `, which has the lock since ${formatAge(acquired_at)}`;
        this.say(`waiting for task ${task_id} (pid ${pid})${since}; look: ${this.hint(['devs', 'status'])}`);
        return;
      }
      case 'unsafe-directory':
        this.warn(`${event.root} is on ${event.fileSystem}: a run on another machine may not see this one's lock`);
        return;
      case 'surviving-processes':
        if (event.holder === null) {
          for (const { pid, command } of event.processes)
            this.warn(`the command left a process behind: pid ${pid} ${command}`);
          return;
        }
        this.warn(
          `task ${event.holder.task_id} was killed, and processes it started are still running: ${describeProcesses(event.processes)}`,
        );
        return;
      case 'database-recovered':
      case 'journal-set-aside':
        this.warn(event.message);
        return;
      case 'history-unavailable':
        this.warn(
          `${event.message}. ${event.isCopied ? 'What it held when it was last closed is shown' : 'The history cannot be shown'}`,
        );
        return;
      case 'restore-interrupted':
        this.warn(
          `a restore of ${event.root} was interrupted and is half done; to finish it: ${this.hint(['devs', 'recover'])}`,
        );
        return;
      case 'restore-finished':
        this.warn(`an interrupted restore was finished: the repository is as in ${event.report.ref}`);
        return;
      case 'crashed':
        this.warn(
          `run ${event.run.id} (task ${event.run.taskId}) was killed; its snapshot is kept: ${this.hint(['devs', 'restore', event.run.id])}`,
        );
        return;
      case 'adopted':
        this.warn(
          `found the snapshot of run ${event.runId} (task ${event.taskId}), which the database did not know: ${this.hint(['devs', 'restore', event.runId])}`,
        );
        return;
      case 'snapshot-gone':
        this.warn(`the snapshot of run ${event.run.id} (task ${event.run.taskId}) is gone: its ref was deleted`);
        return;
      case 'progress':
        this.progress(event.progress);
        return;
      case 'snapshot-taken': {
        const { changed, untracked, skipped } = event.report;
        this.#detail(`snapshot ${event.runId}: ${changed} changed, ${untracked} untracked`, event.ms);
        for (const { path, reason } of skipped) this.#detail(`not captured: ${quotePath(path)} (${reason})`);
        return;
      }
      case 'started':
        // From here on the terminal is the command's.
        this.#progress.clear();
        this.#detail(`run ${event.runId}, task ${event.taskId}: ${event.command}`);
        return;
      case 'snapshot-held-again':
        this.warn(`${event.ref} was deleted or rewritten; it holds the snapshot of run ${event.runId} again`);
        return;
      case 'snapshot-not-dropped':
        this.warn(`${event.ref} could not be removed, and a later command removes it: ${event.message.split('\n')[0]}`);
        return;
      case 'lock-not-removed':
        this.warn(`the record of the lock stays, and the next command takes it over: ${event.message.split('\n')[0]}`);
        return;
      case 'end-not-written':
        this.warn(
          `the command ended (${event.outcome}), and was not undone: what follows it failed. The repository as it was before is kept: ${this.hint(['devs', 'restore', event.runId])}`,
        );
        return;
      case 'end-unknown':
        this.warn(`what run ${event.runId} did cannot be told in full: ${event.message.split('\n')[0]}`);
        return;
      case 'restored':
        this.#detail(`restored ${event.report.written.length} files, deleted ${event.report.deleted.length}`, event.ms);
        for (const line of describeLeftAlone(event.report)) this.say(line);
        return;
      case 'step':
        this.#detail(event.name, event.ms);
    }
  };

  #detail(text: string, ms?: number): void {
    if (this.options.verbose) this.say(ms === undefined ? text : `${text} (${ms.toFixed(1)} ms)`);
  }
}

/** The lock's conflict is printed under its class name, which scripts and people look for. */
function messageOf(error: CodedError): string {
  return error.code === 'DEVS_LOCK_HELD' ? `StateLockConflictError: ${error.message}` : error.message;
}

/** A tab that is a part of its own is a column's; every other tab belongs to a name. */
function lineOf(parts: readonly Part[], stream: NodeJS.WriteStream): Escaped {
  const texts = parts.map((part) => {
    if (typeof part !== 'string') return paint(part.colour, escapeLine(part.text), stream);
    return part === '\t' ? part : escapeLine(part);
  });
  return texts.join('') as Escaped;
}

/** Adds a colour of ours, where the stream wants colours. */
export function paint(colour: Colour, text: Escaped, stream: NodeJS.WriteStream): Escaped {
  return styleText(colour, text, { stream }) as Escaped;
}
