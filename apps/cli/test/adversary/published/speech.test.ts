// Published faults of output and of saving work: what a repository says reaches a terminal or a shell, and
// a tool that puts work aside loses it.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { fingerprint, Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { devs } from '../../devs.ts';
import { Victim } from './victim.ts';

const ESCAPES = [
  '\u001b]52;c;cm0gLXJmIH4K\u0007',
  '\u009b31m',
  '\u202egpj.exe',
  '\u001b[2J',
  '\r\u001b[1A',
  '\u0007',
  '\u2066x\u2069',
];

test('GHSA-j342-m5hw-rr3v and CVE-2024-52005, git: names, subjects, tasks and messages that steer a terminal', async () => {
  const victim = new Victim();
  const { repo } = victim;
  const scripts: Record<string, string> = {};
  for (const [i, mark] of ESCAPES.entries()) {
    repo.write(`file ${mark} ${i}`, 'x');
    scripts[`task${mark}`] = `echo ${i}`;
  }
  repo.write('package.json', JSON.stringify({ scripts, name: ESCAPES.join('') }));
  repo.commitAll(`subject ${ESCAPES.join(' ')}`);
  for (const mark of ESCAPES) fs.writeFileSync(repo.path(`file ${mark} changed`), 'y');
  await victim.survives(
    ['run'],
    ['diff', '@'],
    ['diff', '@', '--name-only'],
    ['run', `task${ESCAPES[0]}x`],
    ['show', ESCAPES[0]!],
  );
  repo.write('devs.json', `{"tasks": {"${ESCAPES[2]}": 7}}`);
  await victim.survives(['run', 'x']);
}, 60_000);

test('CVE-2014-9938, git, and the names of njhartwell/pw3nage: a name that a shell runs', async () => {
  for (const name of ['$(touch ../a-program-ran)', '`touch ../a-program-ran`', "' ; touch ../a-program-ran ; '"]) {
    const victim = new Victim();
    const { repo } = victim;
    repo.write('package.json', JSON.stringify({ scripts: { [name]: 'true' } }));
    repo.write('bin/devs', '#!/bin/sh\nexit 0\n', 0o755);
    const { stderr } = await victim.devs('run', 'touch');
    // The user types what the hint says.
    const hint = /^devs: {3}(devs run .*)$/m.exec(stderr)?.[1];
    const PATH = `${repo.path('bin')}:${process.env.PATH}`;
    const typed = spawnSync('sh', ['-c', hint!], { cwd: repo.dir, env: { PATH } });
    expect([hint, typed.status, fs.existsSync(victim.proof)]).toEqual([hint, 0, false]);
    repo.write('pw3n', `#!/bin/sh\n${victim.payload}\n`, 0o755);
    repo.git('checkout', '-q', '-b', '$(./pw3n)');
    await victim.survives();
  }
}, 120_000);

const RUDE = [
  'git stash -q -u; git stash clear',
  'git reset -q --hard; git clean -qfdx',
  'git stash -q -u; kill -9 $PPID',
  'git checkout -q -f . ; rm -rf dir',
];

test.each(RUDE)(
  'lint-staged, issues 583, 793 and 1311: work is lost with the stash that held it, after %s',
  async (rude) => {
    const repo = Repo.withWork();
    const own = repo.git('stash', 'create');
    repo.git('stash', 'store', '-m', 'of the user', own);
    const before = fingerprint(repo);
    await devs(repo.dir, 'run', '--id', 'rude', '--', 'sh', '-c', `${rude}; exit 3`);
    const { code, stderr } = await devs(repo.dir, 'restore', 'rude');
    expect([code, stderr.includes('DEVS_')]).toEqual([0, false]);
    // The task may delete ignored files: they are none of the repository's, and the user is told so.
    const kept = (lines: readonly string[]) => lines.filter((line) => !line.includes('ignored.log'));
    expect(kept(fingerprint(repo))).toEqual(kept(before));
    // A restore brings no stash list back, and the commit of the user's stash is not gone.
    expect(repo.git('cat-file', '-t', own)).toBe('commit');
  },
  60_000,
);

test('proper-lockfile, issue 121, and npm/lockfile, issue 4: several meet the lock of a dead holder at once', async () => {
  const repo = Repo.create();
  repo.write('a', 'a');
  repo.commitAll('first');
  const record = { pid: 2 ** 22 + 1, timestamp: new Date(Date.now() - 3_600_000).toISOString(), task_id: 'dead' };
  const log = `${repo.dir}-log`;
  const task = `mkdir held || echo clash >> ${log}; sleep 0.05; rmdir held; echo ran >> ${log}`;
  for (const name of ['.devs-state.lock', '.git/devs/.devs-state.lock']) repo.write(name, JSON.stringify(record));
  const runs = Array.from({ length: 5 }, () => devs(repo.dir, 'run', '--wait', '60s', '--', 'sh', '-c', task));
  expect((await Promise.all(runs)).map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
  expect(fs.readFileSync(log, 'utf8')).toBe('ran\n'.repeat(5));
}, 120_000);
