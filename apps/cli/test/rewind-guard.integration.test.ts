import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fingerprint, type Remote, RemoteTask, Repo } from '@devs/test-kit';
import { query } from '@devs/test-kit/query';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { devs, json, type Started, start } from './devs.ts';

let repo: Repo;
let remote: RemoteTask;

beforeEach(async () => {
  repo = Repo.withWork();
  remote = await RemoteTask.listen();
});
afterEach(() => remote.close());

/** Starts `devs run` with a command the test controls, and waits until that command runs. */
async function startRun(...options: string[]): Promise<{ run: Started; task: Remote }> {
  const connected = remote.connected();
  const run = start(repo.dir, ['run', ...options, '--', ...remote.command]);
  return { run, task: await connected };
}

async function kill(pid: number, exited: Promise<unknown>): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await exited;
}

/** `kill -9` of devs and its command. */
async function crash({ run, task }: { run: Started; task: Remote }): Promise<void> {
  run.child.kill('SIGKILL');
  await kill(task.pid, run.ended);
}

const lockFile = () => repo.path('.devs-state.lock');
const task = (id: string) => query(repo.path('.git/devs/.devs.db'), 'select * from tasks where id = ?', id)[0];

describe('two runs at once on one project', () => {
  test('the second prints StateLockConflictError with the pid and task id of the first, exits 1; the first completes', async () => {
    const { run, task: first } = await startRun('--id', 'first');
    const second = await devs(repo.dir, 'run', '--id', 'second', '--', 'true');
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('StateLockConflictError');
    expect(second.stderr).toContain(`pid ${run.child.pid}`);
    expect(second.stderr).toContain('first');
    first.exit(0);
    expect(await run.ended).toMatchObject({ code: 0 });
    expect(fs.existsSync(lockFile())).toBe(false);
    expect(task('first')).toMatchObject({ status: 'succeeded' });
    expect(task('second')).toBeUndefined();
  });

  test('from a subdirectory, too, and with --json as one object', async () => {
    const { run, task: first } = await startRun('--id', 'first');
    const second = await devs(repo.path('dir'), 'run', '--json', '--', 'true');
    expect(json(second.stderr)).toMatchObject({
      schema: 1,
      code: 'DEVS_LOCK_HELD',
      data: { lock: { pid: run.child.pid, task_id: 'first' } },
    });
    first.exit(0);
    await run.ended;
  });

  test('--wait waits for its turn', async () => {
    const { run, task: first } = await startRun('--id', 'first');
    const second = start(repo.dir, ['run', '--wait', '1m', '--id', 'second', '--', 'true']);
    await second.says('waiting for task first');
    first.exit(0);
    expect(await run.ended).toMatchObject({ code: 0 });
    expect((await second.ended).code).toBe(0);
  });

  test('a run inside a run is refused at once, and says so', async () => {
    const inner = `${process.execPath} ${path.join(import.meta.dirname, '../dist/bin/devs.cjs')} run --wait -- true`;
    const outer = await devs(repo.dir, 'run', '--id', 'outer', '--', 'sh', '-c', inner);
    expect(outer.code).toBe(1);
    expect(outer.stderr).toContain('DEVS_NESTED_RUN');
    expect(outer.stderr).toContain('outer');
  });
});

describe('a failing task', () => {
  test('passes its exit code on, leaves no lock, keeps the snapshot and all work; restore brings everything back', async () => {
    const before = fingerprint(repo);
    const { run, task: command } = await startRun('--id', 'bad');
    await command.shell('git rm -q --cached a.txt; echo broken > dir/c.txt; rm untracked.txt; echo new > made.txt');
    command.exit(7);
    const ended = await run.ended;
    expect(ended.code).toBe(7);
    expect(fs.existsSync(lockFile())).toBe(false);
    const { snapshot_stash_ref: ref, status } = task('bad')!;
    expect(status).toBe('failed');
    expect(repo.refs()).toContain(ref);
    for (const name of ['diff', 'restore', 'drop']) expect(ended.stderr).toContain(`devs ${name} `);

    const diff = await devs(repo.dir, 'diff', '@', '--name-status');
    expect(diff).toMatchObject({ code: 1, stdout: 'M\tdir/c.txt\nA\tmade.txt\nD\tuntracked.txt\n' });
    const restored = await devs(repo.dir, 'restore', 'bad');
    expect(restored).toMatchObject({ code: 0, stdout: '' });
    expect(fingerprint(repo)).toEqual(before);
    expect(task('bad')).toMatchObject({ snapshot_stash_ref: null });
    expect(repo.refs()).toHaveLength(1); // the safety snapshot
  });

  test('staged, unstaged and untracked work is intact when the task touched nothing', async () => {
    const before = fingerprint(repo);
    const status = repo.git('status', '--porcelain=v2');
    expect((await devs(repo.dir, 'run', '--', 'false')).code).toBe(1);
    expect(repo.git('status', '--porcelain=v2')).toBe(status);
    expect(fingerprint(repo)).toEqual(before);
  });

  test('with --on-failure restore everything is back at once, commits included', async () => {
    const before = fingerprint(repo);
    const worst = 'git stash -qu && git stash drop -q && git commit -q --allow-empty -m task && rm -rf dir && exit 9';
    const ended = await devs(repo.dir, 'run', '--on-failure', 'restore', '--', 'bash', '-c', worst);
    expect(ended.code).toBe(9);
    expect(ended.stderr).toContain('as it was before');
    expect(fingerprint(repo)).toEqual(before);
  });

  test('drop forgets the snapshots, keeps the files, and may be called twice', async () => {
    await devs(repo.dir, 'run', '--id', 'bad', '--', 'sh', '-c', 'echo x > made.txt; exit 1');
    const after = fingerprint(repo);
    expect((await devs(repo.dir, 'drop', 'bad')).code).toBe(0);
    expect((await devs(repo.dir, 'drop', 'bad')).code).toBe(0);
    expect(repo.refs()).toEqual([]);
    expect(fingerprint(repo)).toEqual(after);
    expect(await devs(repo.dir, 'restore', 'bad')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('DEVS_RUN_WITHOUT_SNAPSHOT'),
    });
  });

  test('restore refuses to undo commits that somebody made after the run, and --files-only and --force work', async () => {
    await devs(repo.dir, 'run', '--id', 'bad', '--', 'sh', '-c', 'echo x > dir/c.txt; exit 1');
    repo.git('commit', '-qm', 'by somebody else');
    const refused = await devs(repo.dir, 'restore', 'bad');
    expect(refused).toMatchObject({ code: 125, stderr: expect.stringContaining('DEVS_HEAD_MOVED') });
    expect(repo.read('dir/c.txt')).toBe('x\n');
    expect((await devs(repo.dir, 'restore', 'bad', '--files-only')).code).toBe(0);
    expect(repo.read('dir/c.txt')).toBe('not staged\n');
    expect(repo.git('log', '-1', '--format=%s')).toBe('by somebody else');
    expect((await devs(repo.dir, 'restore', 'bad', '--force')).code).toBe(0);
    expect(repo.git('log', '-1', '--format=%s')).toBe('first');
  });
});

describe('a succeeding task', () => {
  test("on a dirty tree: the user's work is still there, with what the task did, and no ref is left", async () => {
    const before = fingerprint(repo);
    const { run, task: command } = await startRun('--id', 'good');
    // The task sees the work in progress: the tree was not emptied for it.
    await command.shell('grep -q "exists nowhere else" untracked.txt && echo done > result.txt');
    command.exit(0);
    expect(await run.ended).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(repo.read('result.txt')).toBe('done\n');
    fs.rmSync(repo.path('result.txt'));
    expect(fingerprint(repo)).toEqual(before);
    expect(repo.refs()).toEqual([]);
    expect(task('good')).toMatchObject({ status: 'succeeded', snapshot_stash_ref: null });
    expect(repo.git('status', '--porcelain')).not.toContain('.devs');
  });

  test('with --on-success keep can be restored, even after the next run', async () => {
    const before = fingerprint(repo);
    await devs(repo.dir, 'run', '--id', 'up', '--on-success', 'keep', '--', 'sh', '-c', 'rm -rf dir');
    await devs(repo.dir, 'run', '--', 'true');
    expect((await devs(repo.dir, 'restore', 'up', '--force')).code).toBe(0);
    expect(fingerprint(repo)).toEqual(before);
  });

  test("its stdout is the child's own, byte for byte", async () => {
    const ended = await devs(repo.dir, 'run', '-v', '--', 'printf', 'a\\tb\\n%s', '--json');
    expect(ended.stdout).toBe('a\tb\n--json');
  });
});

describe('kill -9 of devs and its command', () => {
  test('the next command takes over the dead lock with a WARN, marks the run crashed, and its snapshot restores', async () => {
    const before = fingerprint(repo);
    const started = await startRun('--id', 'doomed');
    await started.task.shell('rm -rf dir untracked.txt');
    await crash(started);
    expect(fs.existsSync(lockFile())).toBe(true);
    const status = await devs(repo.dir, 'status');
    expect(status.code).toBe(0);
    expect(status.stderr).toMatch(/WARN took over the lock of pid \d+, task doomed/);
    expect(status.stderr).toMatch(/WARN run \S+ \(task doomed\) was killed/);
    expect(fs.existsSync(lockFile())).toBe(false);
    expect(task('doomed')).toMatchObject({ status: 'crashed' });
    expect((await devs(repo.dir, 'restore', 'doomed')).code).toBe(0);
    expect(fingerprint(repo)).toEqual(before);
  });

  test('its write-ahead log is recovered with a warning, and every committed row is there', async () => {
    await crash(await startRun('--id', 'doomed'));
    expect(fs.existsSync(repo.path('.git/devs/.devs.db-wal'))).toBe(true);
    const log = await devs(repo.dir, 'log', '--json');
    expect(log.stderr).toContain('.devs.db-wal');
    expect(json(log.stdout)).toMatchObject({ task_id: 'doomed', status: 'crashed' });
    expect(fs.existsSync(repo.path('.git/devs/.devs.db-wal'))).toBe(false);
  });

  describe('kill -9 of devs alone: its command goes on', () => {
    let run: Started;
    let orphan: Remote;
    beforeEach(async () => {
      ({ run, task: orphan } = await startRun('--id', 'doomed'));
      await kill(run.child.pid!, new Promise((resolve) => run.child.once('exit', resolve)));
    });
    afterEach(async () => {
      orphan.exit(0);
      await run.ended; // its pipes close with the orphan
    });

    test('the next run is refused and names it, and starts when it has ended', async () => {
      const refused = await devs(repo.dir, 'run', '--', 'true');
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('StateLockConflictError') });
      expect(refused.stderr).toContain(`pid ${orphan.pid}`);
      const waiting = start(repo.dir, ['run', '--wait', '--', 'true']);
      await waiting.says('waiting for task doomed');
      orphan.exit(0);
      expect(await waiting.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('was killed') });
    });

    test('status names it, and the way out that it prints works', async () => {
      const { id } = JSON.parse(fs.readFileSync(lockFile(), 'utf8')) as { id: string };
      const status = await devs(repo.dir, 'status');
      expect(status.stdout).toContain(`still running: pid ${orphan.pid}`);
      expect(status.stdout).toContain(`devs unlock ${id} --force`);
      expect(await devs(repo.dir, 'unlock', id)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('DEVS_LOCK_ORPHANS'),
      });
      expect((await devs(repo.dir, 'unlock', id, '--force')).code).toBe(0);
      expect((await devs(repo.dir, 'run', '--', 'true')).code).toBe(0);
    });

    test.each([
      ['--force', ['--force', '--', 'true'], null],
      ['the setting of devs.json, for a task of devs.json,', ['go'], '{ "orphans": "warn", "tasks": {"go": "true"} }'],
    ])('%s starts beside it, with a warning', async (_, words, config) => {
      if (config !== null) repo.write('devs.json', config);
      const ended = await devs(repo.dir, 'run', ...words);
      expect(ended).toMatchObject({ code: 0, stderr: expect.stringMatching(/WARN task doomed was killed, and proc/) });
    });

    test('the setting of devs.json, which a stranger may have written, lets nothing else start', async () => {
      repo.write('devs.json', '{ "orphans": "warn" }');
      const refused = { code: 1, stderr: expect.stringContaining('still running') };
      expect(await devs(repo.dir, 'run', '--', 'true')).toMatchObject(refused);
      expect((await devs(repo.dir, 'undo')).stderr).toContain('still running');
    });
  });

  test('the runs of a lost database are found again by their snapshots', async () => {
    const before = fingerprint(repo);
    await devs(repo.dir, 'run', '--id', 'bad', '--', 'sh', '-c', 'rm -rf dir; exit 1');
    const own = fs.readdirSync(repo.path('.git/devs')).filter((name) => name.startsWith('.devs.db'));
    for (const name of own) fs.rmSync(path.join(repo.path('.git/devs'), name));
    expect((await devs(repo.dir, 'run', '--', 'true')).stderr).toContain('which the database did not know');
    expect((await devs(repo.dir, 'restore', 'bad')).code).toBe(0);
    expect(fingerprint(repo)).toEqual(before);
  });
});

describe('a lock file found at the start', () => {
  const plant = (record: object) => fs.writeFileSync(lockFile(), JSON.stringify(record));
  const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

  test('of an unknown holder, six minutes old, is released with a WARN', async () => {
    plant({ pid: 4711, timestamp: ago(6), task_id: 'forgotten' });
    const ended = await devs(repo.dir, 'run', '--', 'true');
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(/WARN .*pid 4711.*forgotten/);
  });

  test('of an unknown holder, four minutes old, holds', async () => {
    plant({ pid: 4711, timestamp: ago(4), task_id: 'recent' });
    expect(await devs(repo.dir, 'run', '--', 'true')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('recent'),
    });
  });

  test("a living holder's holds at any age", async () => {
    const { run, task: command } = await startRun('--id', 'slow');
    const record = JSON.parse(fs.readFileSync(lockFile(), 'utf8'));
    // In place, as the heartbeat writes it: the same file, an old time.
    const fd = fs.openSync(lockFile(), 'r+');
    fs.writeSync(fd, JSON.stringify({ ...record, timestamp: ago(600) }));
    fs.closeSync(fd);
    expect((await devs(repo.dir, 'run', '--', 'true')).code).toBe(1);
    command.exit(0);
    expect((await run.ended).code).toBe(0);
  });
});

describe('devs unlock', () => {
  test('removes the lock with that id and no other; a living one only with --force, and its task is ended', async () => {
    const { run } = await startRun('--id', 'stuck');
    const { lock } = json<{ lock: { state: string; lock: { id: string } } }>(
      (await devs(repo.dir, 'status', '--json')).stdout,
    );
    expect(lock).toMatchObject({ state: 'held', verdict: 'alive', evidence: expect.stringContaining('pid ') });
    expect(await devs(repo.dir, 'unlock', 'another')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('DEVS_LOCK_ID_MISMATCH'),
    });
    expect(await devs(repo.dir, 'unlock', lock.lock.id)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('StateLockConflictError'),
    });
    expect(await devs(repo.dir, 'unlock', lock.lock.id, '--force')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('alive'),
    });
    expect(fs.existsSync(lockFile())).toBe(false);
    expect((await run.ended).code).toBe(125);
    expect((await devs(repo.dir, 'unlock', lock.lock.id)).code).toBe(0);
  });
});

describe('signals and time', () => {
  test.each(['SIGTERM', 'SIGHUP'] as const)(
    '%s is passed on, the exit code tells, the snapshot is kept',
    async (signal) => {
      const { run } = await startRun('--id', 'stopped');
      run.child.kill(signal);
      const { code } = await run.ended;
      expect(code).toBe(signal === 'SIGTERM' ? 143 : 129);
      expect(task('stopped')).toMatchObject({ status: 'failed', snapshot_stash_ref: expect.any(String) });
    },
  );

  test('on SIGINT devs waits for its command', async () => {
    const { run, task: command } = await startRun('--id', 'patient');
    run.child.kill('SIGINT');
    await command.shell('true');
    command.exit(5);
    expect((await run.ended).code).toBe(5);
  });

  test('--timeout ends the command with 124', async () => {
    const ended = await devs(repo.dir, 'run', '--timeout', '100ms', '--', 'sleep', '60');
    expect(ended.code).toBe(124);
    expect(ended.stderr).toContain('time ran out');
  });

  test('a lock removed by hand from the git directory ends the task, and the snapshot is kept', async () => {
    const { run } = await startRun('--id', 'robbed');
    fs.rmSync(repo.path('.git/devs/.devs-state.lock'));
    const ended = await run.ended;
    expect(ended.code).toBe(125);
    expect(ended.stderr).toContain('removed or replaced');
    expect(task('robbed')!.snapshot_stash_ref).toEqual(expect.any(String));
  });

  test('a process left behind is named', async () => {
    const ended = await devs(repo.dir, 'run', '--', 'sh', '-c', 'sleep 30 >/dev/null 2>&1 & echo $!');
    const pid = Number(ended.stdout);
    process.kill(pid, 'SIGKILL');
    expect(ended.stderr).toContain(`left a process behind: pid ${pid}`);
  });
});

describe('in a linked work tree', () => {
  test('lock and database are its own', async () => {
    const linked = new Repo(`${repo.dir}-linked`);
    repo.git('worktree', 'add', '-q', linked.dir);
    try {
      const { run, task: command } = await startRun('--id', 'main');
      linked.write('dir/c.txt', 'precious');
      const ended = await devs(
        linked.dir,
        'run',
        '--on-failure',
        'restore',
        '--',
        'sh',
        '-c',
        'rm -rf dir; git commit -qam x; exit 1',
      );
      expect(ended.code).toBe(1);
      expect(linked.read('dir/c.txt')).toBe('precious');
      // The other's runs and snapshots are none of its business.
      await devs(linked.dir, 'gc', '--keep', '0');
      expect((await devs(linked.dir, 'log')).stdout.split('\n')).toHaveLength(2);
      expect(repo.refs()).toHaveLength(1);
      command.exit(0);
      expect((await run.ended).code).toBe(0);
      expect(linked.git('status', '--porcelain')).toBe(' M dir/c.txt');
    } finally {
      fs.rmSync(linked.dir, { recursive: true });
    }
  });
});
