import { execFileSync, spawnSync } from 'node:child_process';
import process from 'node:process';
import { Repo } from '@devs/test-kit';
import { beforeEach, expect, test } from 'vitest';
import { BIN, devs } from './devs.ts';

let repo: Repo;

beforeEach(async () => {
  repo = Repo.withWork();
  repo.write('devs.json', '{"tasks": {"format": "true"}}');
  repo.write('package.json', '{"scripts": {"lint": "true"}}');
  await devs(repo.dir, 'run', '--id', 'bad', '--', 'false');
});

const complete = async (...words: string[]) =>
  (await devs(repo.dir, 'complete', '--', ...words)).stdout.split('\n').filter(Boolean);

test('commands, options and their choices, tasks, runs; nothing after --', async () => {
  expect(await complete('re')).toEqual(['restore', 'recover']);
  expect(await complete('')).not.toContain('complete');
  expect(await complete('run', '--on')).toEqual(['--on-failure', '--on-success']);
  expect(await complete('run', '--on-failure', '')).toEqual(['keep', 'restore']);
  expect(await complete('run', '')).toEqual(['format', 'lint']);
  expect(await complete('restore', '')).toEqual(['@', expect.stringMatching(/^[0-9a-f]{6}$/), 'bad']);
  expect(await complete('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  expect(await complete('run', '--', 'gi')).toEqual([]);
});

test('bash takes the script and completes with it', async () => {
  const { stdout } = await devs(repo.dir, 'completion', 'bash');
  const script = `devs() { "${process.execPath}" "${BIN}" "$@"; }
${stdout}
COMP_WORDS=(devs run fo); COMP_CWORD=2; _devs; printf '%s\\n' "\${COMPREPLY[@]}"`;
  expect(execFileSync('bash', ['-c', script], { cwd: repo.dir, encoding: 'utf8' })).toBe('format\n');
});

test.each(['zsh', 'fish'])('%s reads the script', async (shell) => {
  const { stdout, code } = await devs(repo.dir, 'completion', shell);
  expect(code).toBe(0);
  expect(stdout).toContain('devs complete --');
  // Where the shell is installed, it is asked.
  const { error, status } = spawnSync(shell, ['-n', '-c', stdout]);
  if (error === undefined) expect(status).toBe(0);
});

test('a shell that is not known is wrong usage', async () => {
  expect(await devs(repo.dir, 'completion', 'tcsh')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('bash'),
  });
});
