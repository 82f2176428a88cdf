import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import process from 'node:process';
import { Repo } from '@devs/test-kit';
import { beforeAll, describe, expect, test } from 'vitest';
import { BIN, type Ended, start } from './devs.ts';
import { unsafeIn } from './unsafe.ts';

/** What git forbids in names of refs is missing in the second. */
const EVIL = 'x\x1b]52;c;ZXZpbA==\x07\x1b[8m\r\b\x9b1m\u009d\u202e\u2066\u200b\u{e0041}y';
const EVIL_REF = 'x\u202e\u2066\u200b\u{e0041}y';

let repo: Repo;

/** Every string that the author of a repository, a lock record or a command can choose is evil. */
beforeAll(async () => {
  repo = Repo.create();
  repo.git('checkout', '-qb', EVIL_REF);
  repo.write('.gitignore', 'ignored*\n');
  repo.write(`tracked ${EVIL}`, `${EVIL}\n`);
  repo.write(`binary ${EVIL}`, '\0\n');
  fs.symlinkSync(`target ${EVIL}`, repo.path(`link ${EVIL}`));
  repo.commitAll(`first ${EVIL}`);
  repo.git('tag', `tag-${EVIL_REF}`);
  repo.git('branch', `other-${EVIL_REF}`);
  repo.git('config', 'core.editor', EVIL);
  repo.write(`untracked ${EVIL}`, EVIL);
  repo.write(`ignored ${EVIL}`, EVIL);
  spawnSync('mkfifo', [repo.path(`fifo ${EVIL}`)]);
  repo.write('devs.json', JSON.stringify({ tasks: { [`task ${EVIL}`]: `exit 3 # ${EVIL}` } }));
  repo.write('package.json', JSON.stringify({ scripts: { [`script ${EVIL}`]: `exit 3 # ${EVIL}` } }));
  const change = `
    for f in tracked*; do printf '%s\\n' "$0" >> "$f"; done
    for f in link*; do ln -sfn "new $0" "$f"; done
    for f in untracked*; do rm "$f"; done
    for f in binary*; do printf '\\0\\0' > "$f"; done
    git branch -qD "other-$1"; git tag -d "tag-$1" > /dev/null; git stash store -m "$0" HEAD
    git commit -qm "second $0" --allow-empty
    exit 3`;
  await start(repo.dir, ['run', '--id', 'bad', '--', 'sh', '-c', change, EVIL, EVIL_REF]).ended;
  await start(repo.dir, ['run', '--on-success', 'keep', '--', 'true', EVIL]).ended;
});

/** Colours of ours are taken out first: nothing else may be left. */
function judge({ stdout, stderr }: Pick<Ended, 'stdout' | 'stderr'>, colours: boolean): void {
  const text = colours ? (stdout + stderr).replace(/\x1b\[(?:1|22|3[1-6]|39)m/g, '') : stdout + stderr;
  expect(unsafeIn(text.replaceAll('\t', ''))).toEqual([]);
}

const QUERIES: readonly (readonly string[])[] = [
  ['status'],
  ['log'],
  ['show', 'bad'],
  ['diff', 'bad', '--stat'],
  ['diff', 'bad', '--name-only'],
  ['diff', 'bad', '--name-status'],
  ['diff', 'bad', '--stat', '--', `tracked ${EVIL}`],
  ['diff', 'bad', '--name-only', EVIL],
  ['diff', EVIL],
  ['show', EVIL],
  ['restore', 'bad', '--dry-run'],
  ['restore', 'bad', '--dry-run', '-v'],
  ['restore', 'bad', '--dry-run', '--force', '-v'],
  ['undo', '--dry-run', '-v'],
  ['restore', 'bad', `../${EVIL}`],
  ['gc', '--keep', '0', '--dry-run'],
  ['doctor'],
  ['init'],
  ['recover'],
  ['drop', EVIL],
  ['unlock', EVIL],
  ['unlock', EVIL, '--force'],
  ['snapshot', EVIL],
  ['run', EVIL],
  ['run', '--id', EVIL, '--', 'true'],
  ['run', '--timeout', EVIL, '--', 'true'],
  ['run', '--', EVIL],
  ['run', '--', `/${EVIL}`],
  ['run', '-v', `task ${EVIL}`],
  ['run', '-v', `script ${EVIL}`],
  ['run', '-v', '--', 'true', EVIL],
  ['completion', EVIL],
  ['complete', '--', 'run', ''],
  ['complete', '--', 'restore', ''],
  [`--${EVIL}`],
  [EVIL],
  ['-C', `/${EVIL}`, 'status'],
];

describe('nothing that a repository says reaches a terminal unescaped', () => {
  test.each(QUERIES)('devs %s %s %s %s', async (...words) => {
    const args = words.filter((word) => word !== undefined);
    judge(await start(repo.dir, args).ended, false);
    judge(await start(repo.dir, ['--json', ...args]).ended, false);
    judge(await start(repo.dir, args, { env: { FORCE_COLOR: '1' } }).ended, true);
  });

  test('devs diff, on a terminal: escaped; to a pipe: byte for byte', async () => {
    const env = { PATH: process.env.PATH, HOME: '/nonexistent', GIT_PAGER: 'cat', TERM: 'xterm' };
    const command = `"${process.execPath}" "${BIN}" diff bad`;
    const { error, stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
      cwd: repo.dir,
      env,
      encoding: 'utf8',
    });
    if (error === undefined) {
      expect(stdout).toContain('\\x1b]52;c;ZXZpbA==');
      judge({ stdout: stdout.replaceAll('\r\n', '\n'), stderr: '' }, true);
    }
    const piped = await start(repo.dir, ['diff', 'bad']).ended;
    expect(piped.stdout).toContain(`+${EVIL}\n`);
  });
});

test('a dead holder of the lock, its task and its command', async () => {
  const lock = {
    pid: 1,
    timestamp: '2020-01-01T00:00:00.000Z',
    task_id: EVIL,
    command: EVIL,
    id: EVIL,
    hostname: EVIL,
  };
  for (const command of [['status'], ['recover'], ['run', '--', 'true'], ['doctor'], ['unlock', EVIL]]) {
    for (const json of [[], ['--json']]) {
      repo.write('.devs-state.lock', JSON.stringify(lock));
      judge(await start(repo.dir, [...json, ...command]).ended, false);
      fs.rmSync(repo.path('.devs-state.lock'), { force: true });
    }
  }
});

test('a restore and what it says', async () => {
  judge(await start(repo.dir, ['-v', 'restore', 'bad', '--force']).ended, false);
  judge(await start(repo.dir, ['-v', 'undo', '--json']).ended, false);
});
