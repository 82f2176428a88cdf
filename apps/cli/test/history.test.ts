import fs from 'node:fs';
import { openDatabase } from '@devs/db';
import { fingerprint, Repo } from '@devs/test-kit';
import { beforeEach, describe, expect, test } from 'vitest';
import { BIN, devs, json } from './devs.ts';

let repo: Repo;

beforeEach(() => {
  repo = Repo.withWork();
});

const task = (script: string) => ['--', 'sh', '-c', script] as const;
const ids = async (): Promise<string[]> =>
  (await devs(repo.dir, 'log', '--json')).stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line).id);

describe('devs undo', () => {
  test('takes a failed run back; twice is redo; and so on, always exactly', async () => {
    const before = fingerprint(repo);
    await devs(repo.dir, 'run', '--id', 'bad', ...task('git commit -qam done; rm -r dir; echo x > made.txt; exit 1'));
    const after = fingerprint(repo);
    for (let round = 0; round < 3; round++) {
      expect(await devs(repo.dir, 'undo')).toMatchObject({ code: 0 });
      expect(fingerprint(repo)).toEqual(before);
      expect((await devs(repo.dir, 'log')).stdout).toContain('restored');
      expect(await devs(repo.dir, 'undo')).toMatchObject({ code: 0 });
      expect(fingerprint(repo)).toEqual(after);
      expect((await devs(repo.dir, 'log')).stdout).toContain('kept');
    }
    // Nothing piles up: the run's two snapshots.
    expect(repo.refs()).toHaveLength(2);
    expect(await devs(repo.dir, 'restore', 'bad')).toMatchObject({ code: 0 });
    expect(fingerprint(repo)).toEqual(before);
  });

  test('takes a succeeded run back that was kept, and one that restored itself is done again', async () => {
    const before = fingerprint(repo);
    await devs(repo.dir, 'run', '--on-success', 'keep', ...task('rm -r dir'));
    await devs(repo.dir, 'undo');
    expect(fingerprint(repo)).toEqual(before);
    await devs(repo.dir, 'run', '--on-failure', 'restore', ...task('echo x > made.txt; exit 1'));
    expect(fingerprint(repo)).toEqual(before);
    await devs(repo.dir, 'undo');
    expect(repo.read('made.txt')).toBe('x\n');
    await devs(repo.dir, 'undo');
    expect(fingerprint(repo)).toEqual(before);
  });

  test('of a restore of some paths brings those back, and again', async () => {
    await devs(repo.dir, 'run', '--id', 'bad', ...task('echo 1 > dir/c.txt; echo 2 > dir/d.txt; exit 1'));
    await devs(repo.dir, 'restore', 'bad', 'dir/c.txt');
    expect(repo.read('dir/c.txt')).toBe('not staged\n');
    for (const content of ['1\n', 'not staged\n', '1\n']) {
      expect(await devs(repo.dir, 'undo')).toMatchObject({ code: 0 });
      expect(repo.read('dir/c.txt')).toBe(content);
      expect(repo.read('dir/d.txt')).toBe('2\n');
    }
  });

  test('refuses what would overwrite work done since, names it, and with --force keeps it', async () => {
    await devs(repo.dir, 'run', '--id', 'bad', ...task('echo 1 > dir/c.txt; exit 1'));
    repo.write('dir/c.txt', 'mine\n');
    expect(await devs(repo.dir, 'undo')).toMatchObject({ code: 125, stderr: expect.stringContaining('  dir/c.txt') });
    expect(repo.read('dir/c.txt')).toBe('mine\n');
    expect(await devs(repo.dir, 'undo', '--dry-run', '--force')).toMatchObject({ stdout: 'write   dir/c.txt\n' });
    await devs(repo.dir, 'undo', '--force');
    expect(repo.read('dir/c.txt')).toBe('not staged\n');
    await devs(repo.dir, 'undo');
    expect(repo.read('dir/c.txt')).toBe('mine\n');
  });

  test('never skips the newest: a run whose snapshot was dropped, or nothing at all, is said', async () => {
    expect(await devs(repo.dir, 'undo')).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('nothing has run'),
    });
    expect(repo.exists('.git/devs/.devs.db')).toBe(false);
    await devs(repo.dir, 'run', '--id', 'bad', ...task('echo 1 > dir/c.txt; exit 1'));
    await devs(repo.dir, 'run', '--id', 'good', '--', 'true');
    const { code, stderr } = await devs(repo.dir, 'undo', '--json');
    expect(code).toBe(125);
    expect(json(stderr)).toMatchObject({ code: 'DEVS_NOTHING_TO_UNDO', message: expect.stringContaining('task good') });
    expect(repo.read('dir/c.txt')).toBe('1\n');
  });
});

describe('devs snapshot', () => {
  test('keeps a point to go back to, any number of times, over whatever came since', async () => {
    const before = fingerprint(repo);
    expect(await devs(repo.dir, 'snapshot', 'good-point')).toMatchObject({ code: 0 });
    expect(fingerprint(repo)).toEqual(before);
    for (const wreck of ['commit -qam done', 'rm -rqf dir', 'checkout -qf -b other']) {
      repo.git(...wreck.split(' '));
      expect(await devs(repo.dir, 'restore', 'good-point')).toMatchObject({ code: 0 });
      expect(fingerprint(repo)).toEqual(before);
    }
    expect((await devs(repo.dir, 'log')).stdout).toMatch(/snapshot .*kept .*good-point/);
    await devs(repo.dir, 'drop', 'good-point');
    expect(await devs(repo.dir, 'restore', 'good-point')).toMatchObject({ code: 125 });
  });

  test('works inside a run, whose lock it needs not', async () => {
    const script = `"${process.execPath}" "${BIN}" snapshot inside && echo x > dir/c.txt`;
    expect(await devs(repo.dir, 'run', '--id', 'agent', ...task(script))).toMatchObject({ code: 0 });
    await devs(repo.dir, 'restore', 'inside', 'dir/c.txt');
    expect(repo.read('dir/c.txt')).toBe('not staged\n');
  });

  test('a label that cannot be one is refused before anything is written', async () => {
    expect(await devs(repo.dir, 'snapshot', '../x')).toMatchObject({ code: 2 });
    expect(repo.exists('.git/devs/.devs.db')).toBe(false);
  });
});

describe('devs log and show', () => {
  test('one line a run: short id, outcome, what changed, what became of it; json has all of it', async () => {
    await devs(repo.dir, 'run', '--id', 'bad', ...task('echo more >> dir/c.txt; rm untracked.txt; exit 7'));
    await devs(repo.dir, 'run', '--id', 'good', '--', 'true');
    const [good, bad] = (await devs(repo.dir, 'log')).stdout.split('\n');
    const [goodId, badId] = await ids();
    expect(good).toMatch(new RegExp(`^${goodId!.slice(-6)}  .* succeeded  .*  good: true$`));
    expect(bad).toMatch(new RegExp(`^${badId!.slice(-6)}  .* failed 7 +2 files \\+1 -1 +\\d+ms +kept +bad: sh -c`));
    expect(json((await devs(repo.dir, 'log', '-n', '1', '--json')).stdout)).toMatchObject({
      id: goodId,
      fate: null,
      command: 'true',
    });
  });

  test('two runs of one task keep their own commands', async () => {
    await devs(repo.dir, 'run', '--id', 't', '--', 'true');
    await devs(repo.dir, 'run', '--id', 't', '--', 'sh', '-c', 'exit 0');
    expect((await devs(repo.dir, 'log')).stdout).toMatch(/t: sh -c 'exit 0'\n.*true\n$/);
  });

  test('show names everything, by any name of the run', async () => {
    await devs(
      repo.dir,
      'run',
      '--id',
      'bad',
      ...task('echo more >> dir/c.txt; mkdir nested; git init -q nested; exit 7'),
    );
    const [id] = await ids();
    for (const name of ['@', 'bad', id!, id!.slice(0, 20), id!.slice(-6)]) {
      const { stdout } = await devs(repo.dir, 'show', name);
      expect(stdout).toContain(`run       ${id}\n`);
      expect(stdout).toContain('outcome   failed with exit code 7\n');
      expect(stdout).toMatch(/ dir\/c.txt \| 1 \+\n 1 file changed, 1 added, 0 deleted/);
    }
    expect(json((await devs(repo.dir, 'show', '@', '--json')).stdout)).toMatchObject({
      id,
      changes: [{ path: 'dir/c.txt', added: 1, deleted: 0 }],
      events: [],
    });
  });
});

describe('devs diff', () => {
  beforeEach(async () => {
    await devs(repo.dir, 'run', '--id', 'bad', ...task('echo more >> dir/c.txt; rm untracked.txt; exit 7'));
  });

  test('is a patch that git applies', async () => {
    const { stdout, code } = await devs(repo.dir, 'diff', 'bad');
    expect(code).toBe(1);
    repo.write('the.patch', stdout);
    repo.git('apply', '-R', 'the.patch');
    expect(repo.read('untracked.txt')).toBe('exists nowhere else\n');
    expect(repo.read('dir/c.txt')).toBe('not staged\n');
  });

  test('--stat, --name-only, --name-status, paths seen from where the user stands, --json', async () => {
    const of = async (...args: string[]) => (await devs(repo.dir, 'diff', 'bad', ...args)).stdout;
    expect(await of('--stat')).toBe(
      ' dir/c.txt     | 1 +\n untracked.txt | 1 -\n 2 files changed, 1 added, 1 deleted\n',
    );
    expect(await of('--name-only')).toBe('dir/c.txt\nuntracked.txt\n');
    expect(await of('--name-status')).toBe('M\tdir/c.txt\nD\tuntracked.txt\n');
    expect(await of('--name-only', 'dir')).toBe('dir/c.txt\n');
    expect((await devs(repo.path('dir'), 'diff', 'bad', '--name-only', 'c.txt')).stdout).toBe('dir/c.txt\n');
    expect(await devs(repo.path('dir'), 'diff', 'bad', '../..')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('DEVS_PATH_OUTSIDE'),
    });
    expect(json(await of('--json', 'dir'))).toMatchObject({ path: 'dir/c.txt', status: 'modified', added: 1 });
  });

  test('shows what the run hid by an ignore rule of its own', async () => {
    await devs(repo.dir, 'run', '--id', 'sly', ...task('echo sly.txt >> .gitignore; echo x > sly.txt; exit 1'));
    expect((await devs(repo.dir, 'diff', 'sly', '--name-only')).stdout).toBe('.gitignore\nsly.txt\n');
    await devs(repo.dir, 'restore', 'sly');
    expect(repo.exists('sly.txt')).toBe(false);
  });
});

describe('devs gc', () => {
  test('drops the snapshots of old runs but the newest, says what that frees, and is done when called again', async () => {
    for (const id of ['one', 'two', 'three']) {
      await devs(repo.dir, 'run', '--id', id, ...task(`head -c 100000 /dev/urandom > made-by-${id}; exit 1`));
    }
    await devs(repo.dir, 'snapshot', 'mine');
    await devs(repo.dir, 'restore', 'three', 'made-by-three');
    const refs = repo.refs();
    expect((await devs(repo.dir, 'gc')).stderr).toContain('no snapshot is old enough');
    const dry = json<{ dropped: { task: string }[]; bytes: number }>(
      (await devs(repo.dir, 'gc', '--keep', '1', '--dry-run', '--json')).stdout,
    );
    expect(dry.dropped.map(({ task: name }) => name)).toEqual(['two', 'one']);
    // 'mine' holds the files of all three.
    expect(dry.bytes).toBeLessThan(10_000);
    expect(repo.refs()).toEqual(refs);
    await devs(repo.dir, 'drop', 'mine');
    const { stderr, stdout } = await devs(repo.dir, 'gc', '--keep', '1');
    expect(stderr).toMatch(/dropped the snapshots of 2 runs, [\d.]+ (B|KiB) that/);
    expect(stdout.split('\n')).toHaveLength(3);
    expect((await devs(repo.dir, 'gc', '--keep', '1')).stderr).toContain('no snapshot is old enough');
    expect(await devs(repo.dir, 'restore', 'one')).toMatchObject({ code: 125 });
    expect(await devs(repo.dir, 'undo')).toMatchObject({ code: 0 });
    await devs(repo.dir, 'gc', '--older-than', '0s');
    expect(repo.refs()).toEqual([]);
    expect(await devs(repo.dir, 'gc', '--keep', 'x')).toMatchObject({ code: 2 });
    expect(fs.readdirSync(repo.dir).filter((name) => name.startsWith('.devs'))).toEqual([]);
  });
});

describe('devs run with several tasks', () => {
  beforeEach(() => {
    const tasks = { one: 'echo 1 > one.txt', two: 'echo 2 > two.txt', bad: 'echo 3 > three.txt; exit 4' };
    repo.write('devs.json', JSON.stringify({ tasks }));
  });

  test('each is its own transaction, up to the first that fails', async () => {
    expect(await devs(repo.dir, 'run', 'one', 'bad', 'two')).toMatchObject({ code: 4 });
    expect(repo.exists('two.txt')).toBe(false);
    await devs(repo.dir, 'undo');
    expect([repo.exists('one.txt'), repo.exists('three.txt')]).toEqual([true, false]);
  });

  test('with --atomic they are one: all of it is taken back', async () => {
    const before = fingerprint(repo);
    expect(await devs(repo.dir, 'run', '--atomic', '--on-failure', 'restore', 'one', 'bad', 'two')).toMatchObject({
      code: 4,
    });
    expect(fingerprint(repo)).toEqual(before);
    expect(await devs(repo.dir, 'run', '--atomic', 'one', 'two')).toMatchObject({ code: 0 });
    expect((await devs(repo.dir, 'log', '-n', '1')).stdout).toContain('one-two: echo 1 > one.txt && echo 2 > two.txt');
  });
});

test('the database opens for anybody: it is plain SQLite', async () => {
  await devs(repo.dir, 'run', '--', 'true');
  const { db, close } = await openDatabase(repo.path('.git/devs'));
  expect(await db.selectFrom('runs').select(['status', 'exit_code']).execute()).toEqual([
    { status: 'succeeded', exit_code: 0 },
  ]);
  await close();
});
