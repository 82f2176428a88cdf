import { Repo } from '@devs/test-kit';
import { beforeEach, describe, expect, test } from 'vitest';
import { devs, json, start } from './devs.ts';

const LINES = 200_000;
let repo: Repo;

/** Far more than any pipe holds. */
beforeEach(async () => {
  repo = Repo.create();
  repo.write('big.txt', 'before\n');
  repo.commitAll('base');
  await devs(repo.dir, 'run', '--id', 'bad', '--', 'sh', '-c', `seq ${LINES} > big.txt; exit 3`);
});

test('all of it arrives before the process ends', async () => {
  const { code, stdout: patch } = await devs(repo.dir, 'diff', 'bad');
  // They differ.
  expect(code).toBe(1);
  expect(patch).toContain(`\n+${LINES}\n`);
  expect(patch.match(/^\+\d+$/gm)).toHaveLength(LINES);
});

describe('whose reader is gone', () => {
  test('is not missed', async () => {
    const { child, ended } = start(repo.dir, ['diff', 'bad']);
    child.stdout!.destroy();
    expect(await ended).toMatchObject({ code: 1, stderr: '' });
  });

  test('leaves a run to its end: exit code, history, snapshots, lock', async () => {
    const command = ['run', '-v', '--id', 'alone', '--', 'sh', '-c', 'echo x > made.txt; exit 5'];
    const { child, ended } = start(repo.dir, command);
    child.stdout!.destroy();
    child.stderr!.destroy();
    expect((await ended).code).toBe(5);
    const newest = json((await devs(repo.dir, 'log', '--json')).stdout);
    expect(newest).toMatchObject({ task_id: 'alone', status: 'failed', exit_code: 5 });
    expect(newest.after_ref).toEqual(expect.any(String));
    expect(repo.exists('.devs-state.lock')).toBe(false);
  });
});
