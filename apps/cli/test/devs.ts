import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';

/** The command line as users get it: the built bundle. */
export const BIN: string = path.join(import.meta.dirname, '../dist/bin/devs.cjs');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when it has said this on stderr. */
  says(text: string): Promise<void>;
}

/** For the git commands that tasks run. */
const IDENTITY = {
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@example.com',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@example.com',
};

/** Starts devs in `cwd`, as a user without configuration of their own. */
export function start(cwd: string, args: readonly string[], options: SpawnOptions = {}): Started {
  const env = { PATH: process.env.PATH, HOME: '/nonexistent', ...IDENTITY, ...options.env };
  const child = spawn(process.execPath, [BIN, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'], ...options, env });
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (data) => {
    stdout += data;
  });
  child.stderr?.on('data', (data) => {
    stderr += data;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const says = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (stderr.includes(text)) resolve();
      };
      child.stderr!.on('data', look);
      void ended.then(() => reject(new Error(`ended without saying "${text}": ${stderr}`)));
      look();
    });
  return { child, ended, says };
}

export function devs(cwd: string, ...args: string[]): Promise<Ended> {
  return start(cwd, args).ended;
}

/** The one line of JSON in `text` that has the schema mark. */
export function json<T = Record<string, unknown>>(text: string): T {
  const line = text.split('\n').find((candidate) => candidate.startsWith('{"schema":1'));
  if (line === undefined) throw new Error(`no JSON in: ${text}`);
  return JSON.parse(line) as T;
}
