import { execFileSync, type StdioOptions } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** An empty directory; `global-setup.ts` removes it when all tests are done. */
export function temporaryDirectory(): string {
  return fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'devs-test-')));
}

const GIT_ENV = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@example.com',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@example.com',
  LC_ALL: 'C',
};

/** A real repository in a temporary directory, driven by the real git. */
export class Repo {
  readonly dir: string;

  constructor(dir: string = temporaryDirectory()) {
    this.dir = dir;
  }

  static create(): Repo {
    const repo = new Repo();
    repo.git('init', '-q', '-b', 'main');
    return repo;
  }

  /** A repository with a commit, and work in progress of every common kind. */
  static withWork(): Repo {
    const repo = Repo.create();
    for (const name of ['a.txt', 'b.txt', 'dir/c.txt', 'dir/d.txt', 'gone.txt']) repo.write(name, `${name}\n`);
    repo.write('script.sh', '#!/bin/sh\n', 0o755);
    repo.write('.gitignore', '*.log\n');
    fs.symlinkSync('a.txt', repo.path('link'));
    repo.commitAll('first');
    repo.write('a.txt', 'staged\n');
    repo.git('add', 'a.txt');
    repo.write('a.txt', 'staged\nand not staged\n');
    repo.write('dir/c.txt', 'not staged\n');
    repo.git('rm', '-q', '--cached', 'b.txt');
    fs.rmSync(repo.path('gone.txt'));
    repo.write('untracked.txt', 'exists nowhere else\n');
    repo.write('new dir/ünïcode ☃.txt', 'untracked too\n');
    repo.write('secret.txt', 'for me alone\n', 0o600);
    repo.write('ignored.log', 'ignored\n');
    fs.mkdirSync(repo.path('empty'));
    return repo;
  }

  commitAll(message: string): void {
    this.git('add', '-A');
    this.git('commit', '-qm', message);
  }

  path(name: string): string {
    return path.join(this.dir, name);
  }

  write(name: string, content: string | Uint8Array, mode = 0o644): void {
    fs.mkdirSync(path.dirname(this.path(name)), { recursive: true });
    fs.writeFileSync(this.path(name), content);
    fs.chmodSync(this.path(name), mode);
  }

  read(name: string): string {
    return fs.readFileSync(this.path(name), 'utf8');
  }

  exists(name: string): boolean {
    return fs.lstatSync(this.path(name), { throwIfNoEntry: false }) !== undefined;
  }

  /** @throws when git fails. */
  git(...args: string[]): string {
    const stdio: StdioOptions = ['ignore', 'pipe', 'pipe'];
    const options = { cwd: this.dir, env: GIT_ENV, encoding: 'utf8' as const, stdio, maxBuffer: 1 << 28 };
    return execFileSync('git', args, options).trimEnd();
  }

  /** Stores the objects of a pack as loose ones. */
  unpackObjects(pack: Uint8Array): void {
    execFileSync('git', ['unpack-objects', '-q'], { cwd: this.dir, env: GIT_ENV, input: pack });
  }

  refs(prefix = 'refs/devs/'): string[] {
    return this.git('for-each-ref', '--format=%(refname)', ...(prefix === '' ? [] : [prefix]))
      .split('\n')
      .filter(Boolean);
  }
}
