import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import process from 'node:process';
import { fingerprint, Repo, temporaryDirectory } from '@devs/test-kit';
import { query } from '@devs/test-kit/query';
import { beforeAll, expect, test } from 'vitest';
import { buildFaulty } from './crash/build-faulty.ts';
import { devs } from './devs.ts';

/** Every how many steps a kill is tried; `DEVS_TEST_CRASH_STRIDE=1` tries them all. */
const STRIDE = Number(process.env.DEVS_TEST_CRASH_STRIDE ?? 3);

const STEPS = [
  'echo more >> dir/c.txt',
  'rm untracked.txt',
  'git add -A',
  'git commit -qm by-the-task',
  'echo x > made.txt',
];
const command = (exit: number, steps: readonly string[] = STEPS) => [
  '--',
  'sh',
  '-c',
  [...steps, `exit ${exit}`].join('; '),
];

interface Scenario {
  readonly name: string;
  /** Whole commands that lead up to it. */
  readonly setUp: readonly (readonly string[])[];
  /** The command that is killed. */
  readonly args: readonly string[];
  readonly who: 'devs' | 'both';
}

const failed = ['run', '--id', 'first', ...command(7)];
const SCENARIOS: readonly Scenario[] = [
  { name: 'a run that succeeds', setUp: [], args: ['run', '--id', 't', ...command(0)], who: 'devs' },
  { name: 'a run that succeeds, with its command', setUp: [], args: ['run', '--id', 't', ...command(0)], who: 'both' },
  { name: 'a run that fails', setUp: [], args: ['run', '--id', 't', ...command(7)], who: 'devs' },
  { name: 'a kept run', setUp: [], args: ['run', '--id', 't', '--on-success', 'keep', ...command(0)], who: 'both' },
  {
    name: 'a run that is restored',
    setUp: [],
    args: ['run', '--id', 't', '--on-failure', 'restore', ...command(7)],
    who: 'devs',
  },
  { name: 'a restore', setUp: [failed], args: ['restore', 'first'], who: 'devs' },
  { name: 'a restore of files', setUp: [failed], args: ['restore', 'first', '--files-only', '--force'], who: 'devs' },
  { name: 'an undo of a restore', setUp: [failed, ['restore', 'first']], args: ['undo'], who: 'devs' },
  { name: 'a drop', setUp: [failed], args: ['drop', 'first'], who: 'devs' },
  { name: 'a gc', setUp: [failed, ['undo'], ['undo']], args: ['gc', '--older-than', '0s'], who: 'devs' },
  { name: 'a snapshot', setUp: [], args: ['snapshot', 'point'], who: 'devs' },
];

let faulty: string;
let kills = 0;

beforeAll(async () => {
  faulty = await buildFaulty();
});

/** Runs the faulty build; resolves when it and everything it started have ended. True where it was killed. */
async function killedAt(cwd: string, args: readonly string[], at: number, who: string): Promise<boolean> {
  const identity = {
    GIT_AUTHOR_NAME: 'T',
    GIT_AUTHOR_EMAIL: 't@e',
    GIT_COMMITTER_NAME: 'T',
    GIT_COMMITTER_EMAIL: 't@e',
  };
  const env = { PATH: process.env.PATH, HOME: '/nonexistent', ...identity };
  const faults = { DEVS_TEST_FAULT_AT: String(at), DEVS_TEST_FAULT_WHO: who };
  // What the command inherits keeps the pipe open: it is closed when the last of them has ended.
  const child = spawn(process.execPath, [faulty, ...args], {
    cwd,
    env: { ...env, ...faults },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.resume();
  child.stderr.resume();
  const signal = await new Promise((resolve) => child.once('close', (_, name) => resolve(name)));
  return signal === 'SIGKILL';
}

function rows(repo: Repo, source: string): Record<string, unknown>[] {
  if (!repo.exists('.git/devs/.devs.db')) return [];
  const file = repo.path('.git/devs/.devs.db');
  expect(query(file, 'pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  return query(file, source);
}

function filesOf(repo: Repo): string[] {
  return fingerprint(repo).filter((line) => !line.includes('.devs'));
}

const FATE = /was killed|was finished|found the snapshot/;

/** What must hold after the next command, whatever happened. */
async function assertRecovered(repo: Repo, killed: boolean): Promise<void> {
  const wasLocked = repo.exists('.devs-state.lock');
  const [left, isHalfDone] = [filesOf(repo), repo.exists('.git/devs/restore.json')];
  const asked = await devs(repo.dir, 'status');
  let stderr = asked.stderr;
  expect(asked.code, stderr).toBe(0);
  expect(repo.exists('.devs-state.lock')).toBe(false);
  // A question writes no file, index, HEAD or branch: it says that a restore waits, and leaves it waiting.
  expect(filesOf(repo)).toEqual(left);
  expect(repo.exists('.git/devs/restore.json')).toBe(isHalfDone);
  if (isHalfDone) {
    expect(stderr).toContain('devs recover');
    const recovered = await devs(repo.dir, 'recover');
    expect(recovered.code, recovered.stderr).toBe(0);
    stderr += recovered.stderr;
  }
  for (const name of ['index', 'HEAD', 'refs/heads/main']) expect(repo.exists(`.git/${name}.lock`)).toBe(false);
  expect(repo.exists('.git/devs/restore.json')).toBe(false);
  expect(repo.git('fsck', '--no-dangling', '--no-progress')).toBe('');
  // The database is true: nothing runs, what it names is there, and what is there it names.
  const runs = rows(repo, 'select * from runs');
  expect(runs.filter(({ status }) => status === 'running')).toEqual([]);
  const events = rows(repo, "select data from events where kind in ('restore', 'undo')").map(({ data }) =>
    JSON.parse(String(data)),
  );
  const ofRuns = runs.flatMap(({ snapshot_ref, after_ref }) => [snapshot_ref, after_ref]).filter((ref) => ref !== null);
  const ofRestores = events.flatMap(({ safety_ref, halfway_ref }) => [safety_ref, halfway_ref]);
  const refs = repo.refs();
  expect(refs).toEqual(expect.arrayContaining(ofRuns));
  expect([...ofRuns, ...ofRestores]).toEqual(expect.arrayContaining(refs));
  // And it says what happened, and what to do.
  if (wasLocked) expect(stderr).toContain('took over the lock');
  for (const { id, status, task_id } of runs) {
    if (status !== 'crashed' || task_id === 'first') continue;
    expect(stderr).toMatch(FATE);
    expect(stderr).toContain(`devs restore ${id}`);
  }
  if (!killed) expect(stderr).toBe('');
  // A second one finds nothing left to say. Asked now and then: it costs what the case costs.
  if (kills % 4 === 0) expect((await devs(repo.dir, 'status')).stderr).toBe('');
}

/**
 * The repository is in one of the states that the command leads from and to (null: in the middle of the task's work), and
 * a run that has a snapshot can be taken back and had again, exactly.
 */
async function assertNothingLost(
  repo: Repo,
  before: readonly string[],
  outcomes: readonly (readonly string[])[] | null,
): Promise<void> {
  const now = fingerprint(repo);
  if (outcomes !== null) expect(outcomes).toContainEqual(now);
  const [run] = rows(repo, 'select * from runs where snapshot_ref is not null order by id desc limit 1');
  if (run === undefined) return;
  const { code, stderr } = await devs(repo.dir, 'restore', String(run.id), '--force');
  expect(code, stderr).toBe(0);
  expect(fingerprint(repo)).toEqual(before);
  await devs(repo.dir, 'undo', '--force');
  expect(fingerprint(repo)).toEqual(now);
}

function copyOf(template: Repo): Repo {
  const repo = new Repo(temporaryDirectory());
  fs.cpSync(template.dir, repo.dir, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  return repo;
}

/** A repository to copy, and what it was like before the first command. */
async function make(setUp: Scenario['setUp']): Promise<{ template: Repo; before: readonly string[] }> {
  const template = Repo.withWork();
  fs.rmSync(template.path('.git/hooks'), { recursive: true, force: true });
  const before = fingerprint(template);
  for (const args of setUp) await devs(template.dir, ...args);
  return { template, before };
}

/** Works through the numbers from 1 in steps, a few at once, until one says that it came to the end. */
async function sweep(step: number, work: (n: number) => Promise<boolean>): Promise<void> {
  let next = 1;
  let isOver = false;
  const worker = async () => {
    while (!isOver) {
      const n = next;
      next += step;
      // One past the end is no kill: how many of those there are depends on the machine's cores.
      if (await work(n)) kills++;
      else isOver = true;
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, os.availableParallelism()) }, worker));
}

test.each(SCENARIOS)('kill -9 at every step of $name', { timeout: 900_000 }, async ({ setUp, args, who }) => {
  const { template, before } = await make(setUp);
  const whole = copyOf(template);
  await devs(whole.dir, ...args);
  const outcomes = [fingerprint(template), fingerprint(whole)];
  // A command may have been killed in the middle of its own work, and files only are a mixture.
  const isMixed = args[0] === 'run' || args.includes('--files-only');
  await sweep(STRIDE, async (at) => {
    const repo = copyOf(template);
    const killed = await killedAt(repo.dir, args, at, who);
    await assertRecovered(repo, killed);
    await assertNothingLost(repo, before, isMixed ? null : outcomes);
    fs.rmSync(repo.dir, { recursive: true, force: true });
    return killed;
  });
});

const KILLS: readonly [who: string, words: string][] = [
  ['devs', 'kill -9 $PPID'],
  ['the command', 'kill -9 $$'],
  ['both', 'kill -9 $PPID; kill -9 $$'],
];

test.each(KILLS)('kill -9 of %s between any two steps of the command', { timeout: 900_000 }, async (_, words) => {
  const { template, before } = await make([]);
  for (const onFailure of ['keep', 'restore']) {
    await sweep(1, async (at) => {
      if (at > STEPS.length + 1) return false;
      const repo = copyOf(template);
      const steps = [...STEPS.slice(0, at - 1), words, ...STEPS.slice(at - 1)];
      await killedAt(repo.dir, ['run', '--id', 't', '--on-failure', onFailure, ...command(7, steps)], 0, '');
      await assertRecovered(repo, true);
      await assertNothingLost(repo, before, null);
      fs.rmSync(repo.dir, { recursive: true, force: true });
      return true;
    });
  }
});

test('these were at least 200 kills', () => {
  expect(kills).toBeGreaterThanOrEqual(200);
});
