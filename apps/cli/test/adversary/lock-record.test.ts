import fs from 'node:fs';
import { RemoteTask, Repo } from '@devs/test-kit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { devs, start } from '../devs.ts';

// What a command does to the lock record of its own run, and what a repository brings in its place.

const RECORD = '.devs-state.lock';
let repo: Repo;
let remote: RemoteTask;

beforeEach(async () => {
  repo = Repo.withWork();
  remote = await RemoteTask.listen();
});
afterEach(() => remote.close());

async function isBack(): Promise<boolean> {
  for (let i = 0; i < 300 && !repo.exists(RECORD); i++) await new Promise((resolve) => setTimeout(resolve, 20));
  return repo.exists(RECORD);
}

describe('the record at the root', () => {
  test.each([
    ['removed by git clean', 'git clean -qfdx'],
    ['stashed', "echo '!/.*' > .gitignore; git stash -qu"],
    ['removed by hand', 'rm -f .devs-state.lock*'],
  ])('%s is put back, and the run goes on and locks others out', async (_, script) => {
    const connected = remote.connected();
    const run = start(repo.dir, ['run', '--id', 'tidy', '--', ...remote.command]);
    const task = await connected;
    await task.shell(script);
    expect(await isBack()).toBe(true);
    const second = await devs(repo.dir, 'run', '--', 'true');
    expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining(`pid ${run.child.pid} for task tidy`) });
    task.exit(0);
    expect(await run.ended).toMatchObject({ code: 0 });
    expect([repo.exists(RECORD), repo.exists(`.git/devs/${RECORD}`)]).toEqual([false, false]);
  });

  test('committed by its own task ends no run, and the next run is not stopped by it', async () => {
    const script = `echo '!/.*' > .gitignore; git add -A && git commit -qm all && git rev-parse HEAD:${RECORD} && sleep 2`;
    const ended = await devs(repo.dir, 'run', '--', 'sh', '-c', script);
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[0-9a-f]{40}/) });
    repo.git('checkout', '-q', 'HEAD', '--', RECORD);
    expect(await devs(repo.dir, 'run', '--', 'true')).toMatchObject({ code: 0 });
    expect(repo.exists(RECORD)).toBe(true);
  });

  test('that came with a clone is a file of the repository: it locks nothing, and is left alone', async () => {
    const foreign = { pid: 1, timestamp: '2999-01-01T00:00:00.000Z', task_id: 'gift', id: 'f00', heartbeat_ms: 10_000 };
    const text = JSON.stringify(foreign);
    repo.write(RECORD, text);
    repo.git('add', '-f', RECORD);
    repo.git('commit', '-qm', 'gift');
    expect(await devs(repo.dir, 'run', '--', 'true')).toMatchObject({ code: 0 });
    expect((await devs(repo.dir, 'status')).stdout).toContain('lock       free');
    expect(repo.read(RECORD)).toBe(text);
    expect(repo.git('status', '--porcelain', RECORD)).toBe('');
  });

  test("of another program's run stops a run, as ever", async () => {
    fs.writeFileSync(
      repo.path(RECORD),
      JSON.stringify({ pid: 4711, timestamp: new Date().toISOString(), task_id: 'other' }),
    );
    expect(await devs(repo.dir, 'run', '--', 'true')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('pid 4711 for task other'),
    });
    expect(fs.existsSync(repo.path(`.git/devs/${RECORD}`))).toBe(false);
  });
});
