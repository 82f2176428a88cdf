import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Repo, temporaryDirectory } from '@devs/test-kit';
import { beforeEach, describe, expect, test } from 'vitest';

import { devs } from './devs.ts';

let repo: Repo;

beforeEach(() => {
  repo = Repo.create();
});

const plant: Readonly<Record<string, (file: string) => void>> = {
  'a link to /dev/zero': (file) => fs.symlinkSync('/dev/zero', file),
  'a link to a terminal': (file) => fs.symlinkSync('/dev/tty', file),
  'a fifo': (file) => void spawnSync('mkfifo', [file]),
  'a directory': (file) => fs.mkdirSync(file),
  'two megabytes': (file) => {
    fs.writeFileSync(file, '');
    fs.truncateSync(file, 2e6);
  },
  'a link out of the repository': (file) => {
    const outside = path.join(temporaryDirectory(), 'devs.json');
    fs.writeFileSync(outside, '{"tasks": {"a": "true"}, "scripts": {"a": "true"}}');
    fs.symlinkSync(outside, file);
  },
  'a dangling link': (file) => fs.symlinkSync('nowhere', file),
  'a link to itself': (file) => fs.symlinkSync(path.basename(file), file),
};

/** One line of characters of two bytes. */
function endsBadly(): Buffer {
  return Buffer.concat([Buffer.from(`"${'é'.repeat(500_000)}`), Buffer.from([0xff])]);
}

describe.each(['devs.json', 'package.json'])('%s', (name) => {
  test.each(Object.keys(plant))('that is %s is refused at once, and stops no command after --', async (what) => {
    plant[what]!(repo.path(name));
    const started = Date.now();
    const ended = await devs(repo.dir, 'run', 'a');
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('[DEVS_CONFIG_UNREADABLE]') });
    expect(ended.stderr).toContain(repo.path(name));
    expect((await devs(repo.dir, 'complete', '--', 'run', '')).stdout).toBe('');
    expect(Date.now() - started).toBeLessThan(10_000);
    expect((await devs(repo.dir, 'run', '--', 'true')).code).toBe(0);
  });

  test('may be a link to another file of the repository', async () => {
    repo.write('config/real.json', '{"tasks": {"a": "echo yes"}, "scripts": {"a": "echo yes"}}');
    fs.symlinkSync('config/real.json', repo.path(name));
    expect(await devs(repo.dir, 'run', 'a')).toMatchObject({ code: 0, stdout: 'yes\n' });
  });

  test.each([
    ['levels without end', '['.repeat(500_000), /:1:65: there are more than 64 levels/],
    ['a hundred levels', `${'{"a":'.repeat(100)}1${'}'.repeat(100)}`, /more than 64 levels/],
    ['bytes that are not UTF-8', Buffer.from('{\n "caf\xe9": 1}', 'latin1'), /:2:6: the text is not UTF-8/],
    ['a megabyte of UTF-8 that ends badly', endsBadly(), /:1:500002: the text is not UTF-8/],
    ['a syntax error', '{\n  "tasks": x }', /:2:12: InvalidSymbol/],
    ['a NUL in a command', '{"tasks": {"a": "tr\\u0000ue"}, "scripts": {"a": "tr\\u0000ue"}}', /NUL/],
  ])('with %s is refused with its place', async (_, content, message) => {
    repo.write(name, content);
    const { code, stderr } = await devs(repo.dir, 'run', 'a');
    expect(code).toBe(2);
    expect(stderr).toContain('[DEVS_CONFIG_INVALID]');
    expect(stderr).toMatch(message);
  });

  test.each(['null', '[]', '1', '"text"', '{"scripts": null, "tasks": {}}', '{"scripts": "abc", "tasks": {}}'])(
    'that holds %s has no task, and says so',
    async (content) => {
      repo.write(name, content);
      expect(await devs(repo.dir, 'run', 'a')).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/DEVS_TASK_UNKNOWN|DEVS_CONFIG_INVALID/),
      });
    },
  );

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('may name a task %s', async (task) => {
    repo.write(name, `{"tasks": {"${task}": "echo mine"}, "scripts": {"${task}": "echo mine"}}`);
    expect(await devs(repo.dir, 'run', '--id', 'x', task)).toMatchObject({ code: 0, stdout: 'mine\n' });
  });

  test('inherits no task', async () => {
    repo.write(name, '{"__proto__": {"scripts": {"a": "true"}, "tasks": {"a": "true"}}}');
    for (const task of ['a', 'constructor', '__proto__', 'toString'])
      expect(await devs(repo.dir, 'run', task)).toMatchObject({ code: 2, stderr: expect.stringContaining('UNKNOWN') });
  });
});

test.each([
  ['{"tasks": {}, "tasks": {"a": "true"}}', ':1:15: "tasks" is there twice'],
  ['{"tasks": {"a": "true", "a": "false"}}', '"a" is there twice'],
  ['{"tasks": {"a": {"run": "true", "run": "false"}}}', '"run" is there twice'],
  ['{"tasks": {"a": {"run": "true", "timeout": "soon"}}}', ':1:44: "timeout" must be'],
  ['{"tasks": {"a": {"run": "true", "cwd": "\\u0000"}}}', '"cwd" must be a path'],
  ['{"tasks": {"a": {"run": "true", "includeIgnored": {"0": "x", "length": 1}}}}', '"includeIgnored" must be a list'],
  ['{"recordCommand": "no", "tasks": {"a": "true"}}', '"recordCommand" must be true or false'],
])('devs.json: %s is refused', async (content, message) => {
  repo.write('devs.json', content);
  const { code, stderr } = await devs(repo.dir, 'run', 'a');
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
  expect(stderr).toContain('[DEVS_CONFIG_INVALID]');
});

test('a time limit beyond what a timer can hold ends nothing', async () => {
  repo.write('devs.json', '{"tasks": {"a": {"run": "sleep 0.2; echo done", "timeout": "100d"}}}');
  expect(await devs(repo.dir, 'run', 'a')).toMatchObject({ code: 0, stdout: 'done\n' });
  const command = ['run', '--timeout', '100000d', '--', 'sh', '-c', 'sleep 0.2; echo done'];
  expect(await devs(repo.dir, ...command)).toMatchObject({ code: 0, stdout: 'done\n' });
});

test('node_modules/.bin is before PATH for named tasks alone', async () => {
  repo.write('node_modules/.bin/greet', '#!/bin/sh\necho local\n', 0o755);
  repo.write('devs.json', '{"tasks": {"a": "greet"}}');
  expect(await devs(repo.dir, 'run', 'a')).toMatchObject({ code: 0, stdout: 'local\n' });
  expect(await devs(repo.dir, 'run', '--', 'greet')).toMatchObject({ code: 127 });
});

test('what a run was called with is left out of its commits where devs.json says so', async () => {
  repo.write('devs.json', '{"recordCommand": false}');
  await devs(repo.dir, 'run', '--id', 'quiet', '--', 'sh', '-c', 'echo x > new.txt; exit 3', 'secret-token');
  const commits = repo.git('log', '--all', '--format=%B');
  expect(commits).toContain('devs-snapshot-quiet');
  expect(commits).not.toContain('secret-token');
  expect((await devs(repo.dir, 'log')).stdout).toContain('secret-token');
  repo.write('devs.json', '{"recordCommand": true}');
  await devs(repo.dir, 'run', '--id', 'loud', '--', 'sh', '-c', 'exit 3', 'other-token');
  expect(repo.git('log', '--all', '--format=%B')).toContain('other-token');
});
