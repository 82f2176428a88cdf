import { Repo } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { devs } from './devs.ts';

describe('devs run <name>', () => {
  test('runs a task of devs.json, which may have comments, in the shell, at the top of the work tree', async () => {
    const repo = Repo.withWork();
    repo.write('devs.json', '// tasks\n{"tasks": {"where": "pwd && echo $((1 + 1))",}}');
    const ended = await devs(repo.path('dir'), 'run', 'where');
    expect(ended).toMatchObject({ code: 0, stdout: `${repo.dir}\n2\n` });
  });

  test('a task may say what happens on failure, and the command line has the last word', async () => {
    const repo = Repo.withWork();
    repo.write(
      'devs.json',
      '{"tasks": {"up": {"run": "rm -rf dir; exit 4", "onFailure": "restore", "timeout": "1m"}}}',
    );
    expect((await devs(repo.dir, 'run', 'up')).code).toBe(4);
    expect(repo.exists('dir')).toBe(true);
    expect((await devs(repo.dir, 'run', '--on-failure', 'keep', 'up')).code).toBe(4);
    expect(repo.exists('dir')).toBe(false);
  });

  test('falls back to the scripts of package.json, with node_modules/.bin on the path', async () => {
    const repo = Repo.withWork();
    repo.write('package.json', '{"scripts": {"hello": "greet world"}}');
    repo.write('node_modules/.bin/greet', '#!/bin/sh\necho "hello $1"\n', 0o755);
    expect(await devs(repo.dir, 'run', 'hello')).toMatchObject({ code: 0, stdout: 'hello world\n' });
    expect((await devs(repo.dir, 'run', 'helo')).stderr).toContain('devs run hello');
  });

  test('several run in order and stop at the first failure', async () => {
    const repo = Repo.withWork();
    repo.write('devs.json', '{"tasks": {"a": "echo a", "b": "echo b; exit 3", "c": "echo c"}}');
    expect(await devs(repo.dir, 'run', 'a', 'b', 'c')).toMatchObject({ code: 3, stdout: 'a\nb\n' });
  });
});
