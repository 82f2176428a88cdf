import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { isRoot, NOBODY } from '@devs/test-kit';
import { BIN } from '../devs.ts';
import { PRELUDE, type State } from './states/state.ts';

export interface Outcome {
  /** Null: a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

export type User = 'self' | 'nobody';

const TIME_LIMIT_MS = 30_000;

/** What a new HOME holds. Made once and copied. */
const HOME_SCRIPT = `mkdir -p "$W/home" "$W/repo"
cd "$W/home"
echo outside >outside.txt
printf '[user]\\nname = A\\nemail = a@example.com\\n[gc]\\nauto = 0\\n[maintenance]\\nauto = false\\n[protocol "file"]\\nallow = always\\n[advice]\\ndetachedHead = false\\n' >.gitconfig
git init -q -b main module
cd module
echo m >m.txt
git add m.txt
git commit -qm m
`;

/**
 * One directory in which cases are played, one after the other, always at the same place: git writes absolute paths into
 * linked work trees and alternates, so a prepared state can only be copied back to where it was made.
 */
export class Sandbox {
  /** `$W` of the scripts. */
  readonly dir: string;
  readonly #templates: string;
  #state: State | null = null;
  #user: User = 'self';

  constructor(root: string) {
    fs.mkdirSync(root, { recursive: true });
    fs.chmodSync(root, 0o755);
    const real = fs.realpathSync(root);
    this.dir = path.join(real, 'case');
    this.#templates = path.join(real, 'templates');
    fs.mkdirSync(this.#templates, { recursive: true });
  }

  get state(): State {
    return this.#state!;
  }

  get cwd(): string {
    return path.join(this.dir, this.state.cwd ?? 'repo');
  }

  get tree(): string {
    return path.join(this.dir, this.state.tree ?? 'repo');
  }

  /** Makes the directory new: the repository of `state`, owned by `user`. */
  async prepare(state: State, user: User): Promise<void> {
    this.#state = state;
    this.#user = 'self';
    removeAll(this.dir);
    const template = path.join(this.#templates, state.name.replace(/[^A-Za-z0-9]+/g, '-'));
    if (!fs.existsSync(template)) {
      await this.#make(state);
      copy(this.dir, template);
    } else if (state.isFresh) await this.#make(state);
    else copy(template, this.dir);
    if (user === 'nobody') execFileSync('chown', ['-hR', `${NOBODY}:${NOBODY}`, this.dir]);
    if (state.asRoot !== undefined) execFileSync('sh', ['-ec', state.asRoot], { cwd: this.tree });
    this.#user = user;
  }

  async #make(state: State): Promise<void> {
    const home = path.join(this.#templates, '.home');
    if (fs.existsSync(home)) copy(home, this.dir);
    else {
      fs.mkdirSync(this.dir);
      await this.#succeed(`set -e\n${HOME_SCRIPT}`, this.dir, 'home');
      copy(this.dir, home);
    }
    await this.#succeed(`${PRELUDE}\n${state.script}`, path.join(this.dir, 'repo'), state.name);
  }

  async #succeed(script: string, cwd: string, what: string): Promise<void> {
    const { code, stderr } = await this.#spawn(['sh', '-c', script], cwd, BASE_ENV).ended;
    if (code !== 0) throw new Error(`cannot make the state "${what}" (exit code ${code}): ${stderr}`);
  }

  shell(script: string): Promise<Outcome> {
    return this.start(['sh', '-c', script]).ended;
  }

  git(...args: string[]): Promise<Outcome> {
    return this.start(['git', ...args], { GIT_OPTIONAL_LOCKS: '0' }).ended;
  }

  devs(...args: string[]): Promise<Outcome> {
    return this.startDevs(...args).ended;
  }

  startDevs(...args: string[]): Running {
    return this.start([process.execPath, process.env.DEVS_ADVERSARY_BIN ?? BIN, ...args]);
  }

  start(command: readonly string[], env: Record<string, string> = {}): Running {
    const cwd = fs.existsSync(this.cwd) ? this.cwd : this.dir;
    return this.#spawn(command, cwd, { ...BASE_ENV, ...this.state.env, ...env });
  }

  #spawn(command: readonly string[], cwd: string, env: Readonly<Record<string, string | undefined>>): Running {
    const words =
      this.#user === 'self'
        ? command
        : ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--', ...command];
    const known = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const child = spawn(words[0]!, words.slice(1), {
      cwd,
      env: {
        ...Object.fromEntries(known.map(([name, value]) => [name, value.replaceAll('$W', this.dir)])),
        W: this.dir,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    return { child, ended: ended(child) };
  }
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
}

/** Whether cases can be played as another user than the one that owns the machine. */
export const CAN_CHANGE_USER: boolean = isRoot();

const BASE_ENV: Readonly<Record<string, string | undefined>> = {
  PATH: process.env.PATH,
  HOME: '$W/home',
  LC_ALL: 'C.UTF-8',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_EDITOR: 'true',
  GIT_SEQUENCE_EDITOR: 'true',
  GIT_TERMINAL_PROMPT: '0',
  GIT_PAGER: 'cat',
};

function ended(child: ChildProcess): Promise<Outcome> {
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.setEncoding('latin1').on('data', (data: string) => {
      if (texts[name].length < 1 << 22) texts[name] += data;
    });
  }
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    // The whole group, so that nothing of a case outlives it.
    if (child.pid !== undefined) killGroup(child.pid);
  }, TIME_LIMIT_MS);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, ...texts, timedOut });
    });
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function copy(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to]);
}

function removeAll(dir: string): void {
  if (!fs.existsSync(dir)) return;
  // Only root removes what lies in a directory without permissions.
  if (!isRoot()) execFileSync('chmod', ['-R', 'u+rwX', dir], { stdio: 'ignore' });
  execFileSync('rm', ['-rf', dir]);
}
