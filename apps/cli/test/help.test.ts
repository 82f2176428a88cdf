import { Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { devs, start } from './devs.ts';

const COMMANDS = 'run status log show diff restore undo drop gc snapshot unlock recover doctor init completion'.split(
  ' ',
);

test('devs --help', async () => {
  const { code, stdout, stderr } = await devs('/', '--help');
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatchSnapshot();
  const listed = [...stdout.matchAll(/^ {2}([a-z]+) .*$/gm)].map((match) => match[1]);
  expect(listed).toEqual(expect.arrayContaining(COMMANDS));
});

test.each(COMMANDS)('devs %s --help', async (command) => {
  const { code, stdout, stderr } = await devs('/', command, '--help');
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatchSnapshot();
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
});

/** What differs from run to run. */
function withoutChance(text: string, dir: string): string {
  return text
    .replaceAll(dir, '/project')
    .replace(/\d{8}-\d{9}-[0-9a-f]{6}/g, '<id>')
    .replace(/\b[0-9a-f]{10,40}\b/g, '<oid>')
    .replace(/pid \d+/g, 'pid <pid>')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<date>')
    .replace(/just now|\d+s ago/g, '<age>')
    .replace(/\d+(?:\.\d+)? ?m?s\b/g, '<time>');
}

test('what devs says, word for word', async () => {
  const repo = Repo.withWork();
  const said: string[] = [];
  const say = async (...args: string[]) => {
    const { code, stdout, stderr } = await devs(repo.dir, ...args);
    said.push(`$ devs ${args.join(' ')}\n${withoutChance(stdout + stderr, repo.dir)}(exit code ${code})\n`);
  };
  await say('run', '--id', 'bad', '--', 'sh', '-c', 'rm -r dir; exit 3');
  await say('run', '--id', 'good', '--', 'true');
  await say('show', 'bad');
  repo.write('dir/c.txt', 'mine');
  await say('restore', 'bad');
  await say('restore', 'bad', '--force');
  await say('undo');
  repo.git('commit', '-qam', 'precious');
  await say('restore', 'bad');
  await say('--json', 'restore', 'bad');
  await say('snapshot', 'here');
  await say('restore', 'here', '--dry-run');
  await say('drop', 'here');
  await say('gc', '--keep', '0');
  await say('doctor');
  await say('recover');
  await say('init');
  await say('init');
  await say('status');
  await say('run', 'nothing');
  await say('restore', 'nothing');
  await say('frobnicate');
  await say('restore');
  expect(said.join('\n').replace(/[\d.]+ [KMG]iB free/, '<size> free')).toMatchSnapshot();
});

test('colours are there when FORCE_COLOR asks for them, and not in a pipe', async () => {
  const repo = Repo.withWork();
  const of = (env: NodeJS.ProcessEnv) => start(repo.dir, ['run', '--', 'false'], { env }).ended;
  expect((await of({})).stderr).not.toContain('\x1b[');
  expect((await of({ FORCE_COLOR: '1' })).stderr).toContain('\x1b[33mWARN\x1b[39m');
});

test('-v says each step with its milliseconds', async () => {
  const { stderr } = await devs(Repo.withWork().dir, '-v', 'run', '--', 'false');
  for (const step of ['lock and open', 'snapshot ', 'write the run', 'snapshot what the run did']) {
    expect(stderr).toMatch(new RegExp(`^devs: ${step}.*\\(\\d+\\.\\d ms\\)$`, 'm'));
  }
});
