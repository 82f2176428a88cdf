import type { Case } from './case.ts';
import type { Difference } from './compare.ts';
import { type Observation, observe } from './observe.ts';
import type { Outcome, Sandbox } from './sandbox.ts';

/** What went wrong, and under which name equal failures are counted. */
export interface Finding {
  readonly oracle: string;
  readonly details: readonly string[];
  readonly signature: string;
}

/** Ends a case: an oracle has spoken. */
export class Failure extends Error {
  readonly finding: Finding;

  constructor(oracle: string, details: readonly string[], signature: string) {
    super(oracle);
    this.finding = { oracle, details, signature: `${oracle} | ${signature}` };
  }
}

/** Plays commands in a sandbox, and writes down the shell script that does the same. */
export class Player {
  readonly sandbox: Sandbox;
  readonly script: string[] = [];

  constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
  }

  observe(): Promise<Observation> {
    return observe(this.sandbox);
  }

  async shell(commands: readonly string[]): Promise<void> {
    if (commands.length === 0) return;
    this.script.push(...commands.map((command) => `(${command})`));
    await this.sandbox.shell(oneAfterTheOther(commands));
  }

  async devs(...args: string[]): Promise<Outcome> {
    const outcome = await this.sandbox.devs(...args);
    this.judge(args, outcome);
    return outcome;
  }

  /** Notes a command of devs, and what is wrong with any answer of its. */
  judge(args: readonly string[], { code, stderr, timedOut }: Outcome): void {
    this.script.push(`devs ${args.map(quote).join(' ')}; echo "exit code $?"`, ...said(stderr));
    if (timedOut) throw new Failure('devs does not end', [`devs ${args.join(' ')}`, ...lastLines(stderr)], args[0]!);
    const trace = /internal error|^ {4}at |node:internal|Unhandled/m.exec(stderr);
    if (trace !== null) {
      throw new Failure('a stack trace', [`devs ${args.join(' ')}`, stderr], traceSignature(stderr));
    }
    if (code === null) throw new Failure('devs was killed by a signal', [args.join(' '), stderr], args[0]!);
  }

  fail(oracle: string, differences: readonly Difference[], extra: readonly string[] = []): void {
    if (differences.length === 0) return;
    const kinds = new Set(differences.map(({ key, expected, actual }) => kindOf(key, expected, actual)));
    const shown = differences
      .slice(0, 12)
      .map(({ key, expected, actual }) => `${key}: expected ${expected}, is ${actual}`);
    throw new Failure(oracle, [...shown, ...extra], [...kinds].sort().join(', '));
  }
}

export function oneAfterTheOther(commands: readonly string[]): string {
  return commands.map((command) => `(${command}) >/dev/null 2>&1`).join('\n');
}

/** The task of a case, as one shell script. */
export function taskScript({ task, exitCode, killsDevs }: Case): string {
  return `: >"$W/ran"\n${oneAfterTheOther(task)}\n${killsDevs ? 'kill -9 $PPID; ' : ''}exit ${exitCode}`;
}

function kindOf(key: string, expected: string, actual: string): string {
  if (key.includes('p:')) return `${key.slice(0, key.indexOf('p:') + 1)} ${word(expected)} -> ${word(actual)}`;
  if (key === 'status') return 'status';
  return `${key.replace(/(refs\/[a-z]+)\/.*/, '$1').replace(/(rebase-merge|rebase-apply|sequencer)\/.*/, '$1')}${expected === 'absent' ? ' new' : actual === 'absent' ? ' gone' : ''}`;
}

function word(value: string): string {
  return value.split(' ', 1)[0]!;
}

function traceSignature(stderr: string): string {
  const line = stderr.split('\n').find((text) => /internal error|Error:/.test(text)) ?? '';
  const place = /at (?:async )?([\w.$#]+) /.exec(stderr)?.[1] ?? '';
  return `${withoutNames(line)} ${place}`;
}

/** A message without the words that differ from case to case. */
export function withoutNames(text: string): string {
  return text
    .replace(/\/[^\s',:]+/g, '/…')
    .replace(/\d{8}-\d{9}-[0-9a-f]{6}/g, '#')
    .replace(/\(task [^)]*\)/g, '(task)')
    .replace(/\b[0-9a-f]{7,40}\b/g, '#')
    .replace(/\d+/g, 'N')
    .slice(0, 160);
}

export function lastLines(text: string): string[] {
  return text.split('\n').filter(Boolean).slice(-8);
}

function said(stderr: string): string[] {
  return stderr
    .split('\n')
    .filter(Boolean)
    .slice(0, 12)
    .map((line) => `# ${line}`);
}

function quote(word: string): string {
  return /^[\w@./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
