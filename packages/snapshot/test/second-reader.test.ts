// Two readers that share no code with ours judge all that devs writes: isomorphic-git, over node's
// own file system, and the real git.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { Repo } from '@devs/test-kit';
import git from 'isomorphic-git';
import { describe, expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';
import { destroy } from './hazard.ts';

const CASES: readonly [name: string, make: () => Repo][] = [
  ['work in progress of every common kind', Repo.withWork],
  ['no commit yet', Repo.create],
  [
    'a clean tree, packed, with packed refs',
    () => {
      const repo = Repo.create();
      for (let i = 0; i < 30; i++) repo.write(`dir${i % 3}/file${i}`, `content ${i}\n`);
      repo.commitAll('first');
      repo.git('gc', '-q');
      return repo;
    },
  ],
  [
    'enough new objects for a pack, of all sizes around our thresholds',
    () => {
      const repo = Repo.withWork();
      for (const size of [0, 1, 4_095, 4_096, 4_097, 65_535, 65_536, 65_537, 5_000_000]) {
        repo.write(`random${size}`, randomBytes(size));
        repo.write(`text${size}`, 'x'.repeat(size));
      }
      return repo;
    },
  ],
  [
    'a file that is streamed',
    () => {
      const repo = Repo.withWork();
      repo.write('large', Buffer.concat([randomBytes(1 << 20), Buffer.alloc(17 << 20)]));
      return repo;
    },
  ],
  [
    'a conflict, tags, branches and a stash',
    () => {
      const repo = Repo.withWork();
      repo.git('stash');
      repo.git('tag', '-a', '-m', 'annotated', 'annotated');
      repo.git('tag', 'light');
      repo.git('checkout', '-q', '-b', 'other');
      repo.write('a.txt', 'theirs\n');
      repo.commitAll('theirs');
      repo.git('checkout', '-q', 'main');
      repo.write('a.txt', 'ours\n');
      repo.commitAll('ours');
      expect(() => repo.git('merge', 'other')).toThrow();
      return repo;
    },
  ],
  [
    'names that are not text, and names that JavaScript has a use for',
    () => {
      const repo = Repo.create();
      for (const name of ['constructor', '__proto__', 'toString', 'a-', 'a/x', 'a0', 'b.c', 'b/c', 'new\nline'])
        repo.write(name, name);
      fs.writeFileSync(Buffer.from(repo.path('\xff\xfe'), 'latin1'), 'bytes');
      repo.commitAll('names');
      repo.write('hasOwnProperty/valueOf', 'untracked');
      return repo;
    },
  ],
];

/** Every object that isomorphic-git finds below `tip`, with its type and bytes. */
async function readAll(dir: string, tip: string): Promise<Map<string, { type: string; bytes: Buffer }>> {
  const cache = {};
  const objects = new Map<string, { type: string; bytes: Buffer }>();
  const waiting = [tip];
  for (let oid = waiting.pop(); oid !== undefined; oid = waiting.pop()) {
    if (objects.has(oid)) continue;
    const found = await git.readObject({ fs, dir, cache, oid, format: 'content' });
    objects.set(oid, { type: found.type, bytes: Buffer.from(found.object as Uint8Array) });
    if (found.type === 'commit') {
      const { commit } = await git.readCommit({ fs, dir, cache, oid });
      waiting.push(commit.tree, ...commit.parent);
    } else if (found.type === 'tree') {
      const { tree } = await git.readTree({ fs, dir, cache, oid });
      waiting.push(...tree.filter((entry) => entry.type !== 'commit').map((entry) => entry.oid));
    }
  }
  return objects;
}

async function expectBothToRead(repo: Repo, ref: string): Promise<void> {
  expect(repo.git('fsck', '--strict', '--no-dangling', '--no-progress')).toBe('');
  const tip = await git.resolveRef({ fs, dir: repo.dir, ref });
  expect(tip).toBe(repo.git('rev-parse', ref));
  const objects = await readAll(repo.dir, tip);
  const names = repo.git('rev-list', '--objects', '--no-object-names', ref).split('\n');
  expect([...objects.keys()].sort()).toEqual(names.sort());
  const listed = repo.git('cat-file', '--batch-all-objects', '--batch-check').split('\n');
  const known = new Map(listed.map((line) => [line.slice(0, 40), line.slice(41)]));
  for (const [oid, { type, bytes }] of objects) expect(`${type} ${bytes.length}`).toBe(known.get(oid));
}

describe('isomorphic-git and git read every object of a snapshot, and its ref', () => {
  test.each(CASES)('%s', async (_, make) => {
    const repo = make();
    const ref = await AtomicSnapshot.take(repo.dir, 'second reader');
    await expectBothToRead(repo, ref);
    // What a restore writes is read by them, too: its safety snapshot, branch and index.
    const hadCommits = repo.git('for-each-ref', 'refs/heads/') !== '';
    const head = hadCommits ? repo.git('rev-parse', 'HEAD') : null;
    const indexed = repo.git('ls-files', '--stage');
    destroy(repo);
    const { safetyRef } = await AtomicSnapshot.restore(repo.dir, ref);
    await expectBothToRead(repo, safetyRef!);
    expect(repo.git('ls-files', '--stage')).toBe(indexed);
    if (head !== null) expect(await git.resolveRef({ fs, dir: repo.dir, ref: 'HEAD' })).toBe(head);
  });
});

test('isomorphic-git reads the message of a snapshot, its author and its four parents', async () => {
  const repo = Repo.withWork();
  const ref = await AtomicSnapshot.take(repo.dir, 'label', { runId: 'run-1' });
  const oid = await git.resolveRef({ fs, dir: repo.dir, ref });
  const { commit } = await git.readCommit({ fs, dir: repo.dir, oid });
  expect(commit.message).toBe(`${repo.git('log', '-1', '--format=%B', ref)}\n`);
  expect(commit.author).toMatchObject({ name: 'devs', email: 'devs@localhost' });
  expect(commit.parent).toEqual(repo.git('log', '-1', '--format=%P', ref).split(' '));
  expect(commit.parent).toHaveLength(4);
});
