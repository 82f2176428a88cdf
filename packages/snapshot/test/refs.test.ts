// Refs that a command or another program left: read as git reads them, and none leads outside or
// stops the others.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Repo } from '@devs/test-kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readOtherRefs } from '../src/git/other-refs.ts';
import { isRefName } from '../src/git/ref-name.ts';
import { readHead, readRef, updateRef } from '../src/git/refs.ts';
import { AtomicSnapshot, findRepository } from '../src/index.ts';

test('names of refs: those that git accepts', () => {
  const part = fc.constantFrom(
    'a',
    'b.c',
    '.',
    '..',
    '/',
    '@',
    '{',
    '.lock',
    '-',
    ' ',
    '~',
    '^',
    ':',
    '?',
    '*',
    '[',
    '\\',
    'é',
    '\x01',
    '\x7f',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
      const name = `refs/heads/${parts.join('')}`;
      expect(isRefName(name)).toBe(spawnSync('git', ['check-ref-format', name]).status === 0);
    }),
    { numRuns: 200 },
  );
});

describe('HEAD', () => {
  test.each<[string, string]>([
    ['leads outside', 'ref: ../../../etc/passwd\n'],
    ['leads outside by way of refs', 'ref: refs/../../x\n'],
    ['names a lock', 'ref: refs/heads/x.lock\n'],
    ['is empty', ''],
    ['is text', 'hello\n'],
    ['is short', 'abc\n'],
    ['has no end', 'x'.repeat(100_000)],
    ['names a branch whose name is no UTF-8', 'ref: refs/heads/\xe9\n'],
  ])('%s: refused by name', (_, text) => {
    const repo = Repo.withWork();
    fs.writeFileSync(repo.path('.git/HEAD'), Buffer.from(text, 'latin1'));
    expect(() => readHead(findRepository(repo.dir))).toThrow(expect.objectContaining({ code: 'DEVS_REF_INVALID' }));
  });

  test.each(['ref:refs/heads/main', 'ref: refs/heads/main', 'ref:\t refs/heads/main \n\n'])(
    '%j: as git reads it',
    (text) => {
      const repo = Repo.withWork();
      repo.write('.git/HEAD', text);
      expect(readHead(findRepository(repo.dir))).toEqual({
        branch: repo.git('symbolic-ref', 'HEAD'),
        oid: repo.git('rev-parse', 'HEAD'),
      });
    },
  );
});

test('a ref is never read or written at a path outside of refs', () => {
  const repo = Repo.withWork();
  const found = findRepository(repo.dir);
  const oid = repo.git('rev-parse', 'HEAD');
  fs.writeFileSync(path.join(repo.dir, 'outside'), `${oid}\n`);
  for (const name of ['../outside', 'refs/../../outside', 'HEAD', 'config', '/etc/passwd', 'refs/heads/a\0b']) {
    expect(() => readRef(found, name)).toThrow(expect.objectContaining({ code: 'DEVS_REF_INVALID' }));
    expect(() => updateRef(found, name, oid, null)).toThrow(expect.objectContaining({ code: 'DEVS_REF_INVALID' }));
  }
});

test('one bad ref stops neither a take nor the list: links, pipes, directories, loops, text, wild names', async () => {
  const repo = Repo.withWork();
  repo.git('branch', 'good');
  const first = await AtomicSnapshot.take(repo.dir, 't');
  const oid = repo.git('rev-parse', 'HEAD');
  for (const top of ['heads', 'tags', 'devs/snapshots']) {
    const dir = repo.path(`.git/refs/${top}`);
    fs.symlinkSync('/etc/passwd', path.join(dir, 'link'));
    execFileSync('mkfifo', [path.join(dir, 'pipe')]);
    fs.mkdirSync(path.join(dir, 'empty/dir'), { recursive: true });
    fs.writeFileSync(path.join(dir, 'loop'), `ref: refs/${top}/loop\n`);
    fs.writeFileSync(path.join(dir, 'outside'), 'ref: ../../../../etc/passwd\n');
    fs.writeFileSync(path.join(dir, 'text'), 'hello');
    fs.writeFileSync(path.join(dir, 'long'), 'x'.repeat(1 << 20));
    fs.writeFileSync(path.join(dir, 'a b'), `${oid}\n`);
    fs.writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0xe9])]), `${oid}\n`);
  }
  const packed = [
    '# pack-refs with: peeled',
    `${oid} refs/heads/../../x`,
    `${oid} refs/heads/a b`,
    'text',
    `${oid} `,
    `^${oid}`,
  ];
  fs.appendFileSync(repo.path('.git/packed-refs'), `${packed.join('\n')}\n\0\xff`);
  const refs = readOtherRefs(findRepository(repo.dir));
  expect([...refs.keys()]).toEqual(['refs/heads/good', 'refs/heads/main']);
  const second = await AtomicSnapshot.take(repo.dir, 't');
  const listed = (await AtomicSnapshot.list(repo.dir)).map(({ ref }) => ref);
  expect(listed).toEqual(expect.arrayContaining([first, second]));
});
