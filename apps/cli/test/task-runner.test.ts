import { fingerprint, Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { type RunnerEvent, TaskRunner } from '../src/index.ts';

test('a function task is given its run and its snapshot, and succeeds', async () => {
  const repo = Repo.withWork();
  const events: RunnerEvent[] = [];
  const runner = new TaskRunner({ cwd: repo.dir, onEvent: (event) => events.push(event) });
  const result = await runner.run({
    id: 'codemod',
    run: async ({ runId, snapshotRef, signal }) => {
      expect(repo.refs()).toEqual([snapshotRef]);
      expect(runId).toMatch(/^\d{8}-\d{9}-[0-9a-f]{6}$/);
      expect(signal.aborted).toBe(false);
    },
  });
  expect(result).toMatchObject({ status: 'succeeded', exitCode: 0, snapshotRef: null, restored: false });
  expect(events.map(({ type }) => type)).toContain('snapshot-taken');
  expect(repo.refs()).toEqual([]);
});

test('a function that throws is a failed run, restored when asked', async () => {
  const repo = Repo.withWork();
  const before = fingerprint(repo);
  const runner = new TaskRunner({ cwd: repo.dir, onFailure: 'restore' });
  const result = await runner.run({
    id: 'codemod',
    run: async () => {
      repo.write('a.txt', 'broken');
      throw new Error('the codemod gave up');
    },
  });
  expect(result).toMatchObject({ status: 'failed', error: 'the codemod gave up', restored: true });
  expect(fingerprint(repo)).toEqual(before);
});

test('cancelling aborts the task and keeps the snapshot', async () => {
  const repo = Repo.withWork();
  const cancel = new AbortController();
  const runner = new TaskRunner({ cwd: repo.dir, signal: cancel.signal });
  const result = await runner.run({
    id: 'long',
    run: ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        cancel.abort(new Error('cancelled'));
      }),
  });
  expect(result).toMatchObject({ status: 'failed', error: 'cancelled', snapshotRef: expect.any(String) });
});
