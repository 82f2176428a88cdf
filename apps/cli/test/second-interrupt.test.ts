import fs from 'node:fs';
import { RemoteTask, Repo } from '@devs/test-kit';
import { beforeEach, expect, test } from 'vitest';
import { devs, json, start } from './devs.ts';

let repo: Repo;
let task: RemoteTask;

beforeEach(async () => {
  repo = Repo.create();
  for (let i = 0; i < 300; i++) repo.write(`dir/file${i}.txt`, `${i}\n`);
  repo.commitAll('base');
  task = await RemoteTask.listen();
  return () => task.close();
});

const newest = async () => json((await devs(repo.dir, 'log', '--json')).stdout);
const OPTIONS = ['run', '-v', '--id', 'bad'] as const;

test('a second SIGINT ends the take that follows the command; the next start knows the run, and it can be undone', async () => {
  const run = start(repo.dir, [...OPTIONS, '--', ...task.command]);
  const remote = await task.connected();
  // Sixteen gigabytes of zeros: minutes for the take, and next to nothing on disk.
  await remote.shell('rm -r dir; truncate -s 16G huge');
  run.child.kill('SIGINT');
  remote.exit(3);
  // The clean-up has begun when the failure is a row, which says so.
  while ((await newest()).status === 'running') await new Promise((resolve) => setTimeout(resolve, 20));
  expect(run.child.exitCode).toBe(null);
  run.child.kill('SIGINT');
  expect(await run.ended).toMatchObject({ code: null, signal: 'SIGINT' });
  fs.rmSync(repo.path('huge'));
  expect((await devs(repo.dir, 'recover')).code).toBe(0);
  expect(await newest()).toMatchObject({ task_id: 'bad', status: 'failed' });
  expect((await devs(repo.dir, 'restore', 'bad', '--force')).code).toBe(0);
  expect(repo.read('dir/file7.txt')).toBe('7\n');
  expect(repo.git('fsck', '--strict')).toBe('');
}, 60_000);

test('a second SIGINT ends a command that ignores the first, and its run ends as any that fails', async () => {
  const command = ['sh', '-c', 'trap "" INT; echo x > made.txt; echo ready >&2; exec sleep 1000'];
  const run = start(repo.dir, [...OPTIONS, '--', ...command]);
  await run.says('ready');
  run.child.kill('SIGINT');
  run.child.kill('SIGINT');
  // Two of them may arrive as one.
  const more = setInterval(() => run.child.kill('SIGINT'), 300);
  const { code, signal } = await run.ended;
  clearInterval(more);
  expect(code === 143 || signal === 'SIGINT').toBe(true);
  expect((await devs(repo.dir, 'recover')).code).toBe(0);
  expect((await devs(repo.dir, 'restore', 'bad', '--force')).code).toBe(0);
  expect(repo.exists('made.txt')).toBe(false);
}, 60_000);

test('no number of them ends the writes of a restore', async () => {
  const run = start(repo.dir, [...OPTIONS, '--on-failure', 'restore', '--', ...task.command]);
  const remote = await task.connected();
  await remote.shell('rm -r dir');
  remote.exit(3);
  // Its first file is back: the restore writes.
  while (!repo.exists('dir') && run.child.exitCode === null) await new Promise(setImmediate);
  const hammer = setInterval(() => run.child.kill('SIGINT'), 1);
  await Promise.race([run.says('restored 300 files'), run.ended]);
  clearInterval(hammer);
  const { code, signal } = await run.ended;
  // What follows the writes may be ended.
  expect(code === 3 || signal === 'SIGINT').toBe(true);
  expect(fs.readdirSync(repo.path('dir'))).toHaveLength(300);
  expect((await devs(repo.dir, 'recover')).code).toBe(0);
  expect(repo.git('status', '--porcelain')).toBe('');
}, 60_000);
