// A task may delete a tag that alone held commits. They are not pruned, and the way back that a
// restore prints works, whatever the tag named.
import fs from 'node:fs';
import { Repo } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { AtomicSnapshot, type RestoreReport } from '../src/index.ts';
import { ObjectStore } from '../src/objects/object-store.ts';
import { protectedObjects } from '../src/objects/protected-objects.ts';
import { decodeTagObjects, encodeTagObjects, parseTag } from '../src/objects/tag-objects.ts';

/** A commit that nothing reaches. */
function lonelyCommit(repo: Repo): string {
  repo.git('checkout', '-q', '--detach');
  repo.write('lonely.txt', 'exists in one commit only\n');
  repo.commitAll('lonely');
  const oid = repo.git('rev-parse', 'HEAD');
  repo.git('checkout', '-q', 'main');
  return oid;
}

function prune(repo: Repo): void {
  repo.git('reflog', 'expire', '--expire=now', '--all');
  repo.git('gc', '-q', '--prune=now');
}

function has(repo: Repo, oid: string): boolean {
  try {
    repo.git('cat-file', '-e', oid);
    return true;
  } catch {
    return false;
  }
}

/** What the command line prints for a ref that is gone. */
function followWayBack(repo: Repo, { moved }: RestoreReport): void {
  for (const { ref, before, now } of moved) {
    if (before !== null) repo.git('update-ref', ref, before, ...(now === null ? [] : [now]));
  }
}

function clean(): Repo {
  const repo = Repo.create();
  repo.write('a.txt', 'a\n');
  repo.commitAll('first');
  return repo;
}

const KINDS: readonly [name: string, make: (repo: Repo, commit: string) => string][] = [
  [
    'light',
    (repo, commit) => {
      repo.git('tag', 'x', commit);
      return commit;
    },
  ],
  [
    'annotated',
    (repo, commit) => {
      repo.git('tag', '-a', '-m', 'words\n\nand more', 'x', commit);
      return commit;
    },
  ],
  [
    'a tag of a tag of a tag',
    (repo, commit) => {
      repo.git('tag', '-a', '-m', 'inner', 'inner', commit);
      repo.git('tag', '-a', '-m', 'middle', 'middle', 'inner');
      repo.git('tag', '-a', '-m', 'outer', 'x', 'middle');
      repo.git('tag', '-d', 'inner', 'middle');
      return commit;
    },
  ],
  [
    'of a tree',
    (repo, commit) => {
      repo.git('tag', 'x', `${commit}^{tree}`);
      return repo.git('rev-parse', `${commit}:lonely.txt`);
    },
  ],
  [
    'annotated, of a blob',
    (repo, commit) => {
      repo.git('tag', '-a', '-m', 'a blob', 'x', `${commit}:lonely.txt`);
      return repo.git('rev-parse', `${commit}:lonely.txt`);
    },
  ],
];

describe('what only a deleted tag held outlives gc --prune=now, and the printed way back works', () => {
  test.each(KINDS)('%s', async (_, make) => {
    for (const isPacked of [false, true]) {
      const repo = clean();
      const held = make(repo, lonelyCommit(repo));
      const tag = repo.git('rev-parse', 'x');
      if (isPacked) repo.git('gc', '-q');
      const ref = await AtomicSnapshot.take(repo.dir, 't');
      repo.git('tag', '-d', 'x');
      prune(repo);
      expect(has(repo, held)).toBe(true);
      const report = await AtomicSnapshot.restore(repo.dir, ref);
      expect(report.moved).toEqual([{ ref: 'refs/tags/x', before: tag, now: null }]);
      followWayBack(repo, report);
      expect(repo.git('rev-parse', 'refs/tags/x')).toBe(tag);
      prune(repo);
      expect(has(repo, held)).toBe(true);
      expect(repo.git('fsck', '--strict', '--no-dangling')).toBe('');
      expect(repo.git('cat-file', '-t', held)).toMatch(/commit|blob/);
    }
  });

  test('the safety snapshot of a restore holds it on', async () => {
    const repo = clean();
    const held = lonelyCommit(repo);
    repo.git('tag', '-a', '-m', 'words', 'x', held);
    const tag = repo.git('rev-parse', 'x');
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    repo.git('tag', '-d', 'x');
    const { safetyRef } = await AtomicSnapshot.restore(repo.dir, ref);
    prune(repo);
    expect(has(repo, held)).toBe(true);
    const bytes = repo.git('cat-file', 'blob', `${safetyRef}^4:tags`);
    expect(bytes.startsWith(`${tag} `)).toBe(true);
    expect(bytes).toContain('words');
  });
});

test('a second take finds the tag objects that the first wrote, new ones and forged ones apart', async () => {
  const repo = clean();
  for (let i = 0; i < 20; i++) repo.git('tag', '-a', '-m', `tag ${i}`, `v${i}`);
  const tags = async () => {
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    return [...decodeTagObjects(Buffer.from(`${repo.git('cat-file', 'blob', `${ref}^4:tags`)}\n`)).keys()].sort();
  };
  const named = () => repo.git('for-each-ref', '--format=%(objectname)', 'refs/tags').split('\n').sort();
  expect(await tags()).toEqual(named());
  repo.git('tag', '-a', '-m', 'new', 'new');
  repo.git('tag', '-d', 'v3');
  expect(await tags()).toEqual(named());
  // Whatever is in its place, the file is no more than a help.
  const file = repo.path('.git/devs/tag-objects.json');
  for (const bytes of ['', 'rubbish', '{"seal":"00","body":"0"}']) {
    fs.writeFileSync(file, bytes);
    expect(await tags()).toEqual(named());
  }
  fs.rmSync(file);
  fs.mkdirSync(file);
  expect(await tags()).toEqual(named());
});

test('a branch that names a blob, and a tag that lies about its commit, do not break git gc', async () => {
  const repo = clean();
  const blob = repo.git('rev-parse', 'HEAD:a.txt');
  repo.write('.git/refs/heads/blob', `${blob}\n`);
  repo.write('.git/refs/tags/missing', `${'7'.repeat(40)}\n`);
  repo.write('lie', `object ${blob}\ntype commit\ntag lie\ntagger x <x> 0 +0000\n\nlie\n`);
  repo.write('.git/refs/tags/lie', `${repo.git('hash-object', '-t', 'tag', '--literally', '-w', 'lie')}\n`);
  const ref = await AtomicSnapshot.take(repo.dir, 't');
  fs.rmSync(repo.path('.git/refs/heads/blob'));
  fs.rmSync(repo.path('.git/refs/tags/missing'));
  fs.rmSync(repo.path('.git/refs/tags/lie'));
  prune(repo);
  expect((await AtomicSnapshot.verify(repo.dir, ref)).problems).toEqual([]);
  expect(repo.git('cat-file', 'blob', blob)).toBe('a');
});

test('two thousand tags are read once', async () => {
  const repo = clean();
  const head = repo.git('rev-parse', 'HEAD');
  const tagger = 'tagger Test <test@example.com> 1700000000 +0000';
  const script = Array.from({ length: 2_000 }, (_, i) => `tag v${i}\nfrom ${head}\n${tagger}\ndata 4\nword\n`);
  repo.write('script', script.join(''));
  repo.write('import.sh', 'git fast-import --quiet < script\n');
  repo.git('-c', 'alias.import=!sh import.sh', 'import');
  repo.git('gc', '-q');
  using store = new ObjectStore(repo.path('.git'));
  const oids = repo.git('for-each-ref', '--format=%(objectname)', 'refs/tags').split('\n');
  expect(oids).toHaveLength(2_000);
  const first = protectedObjects(store, oids, new Map());
  expect(first.tags.size).toBe(2_000);
  expect(first.commits).toEqual([head]);
  const begin = performance.now();
  const again = protectedObjects(store, oids, decodeTagObjects(encodeTagObjects(first.tags)));
  expect(performance.now() - begin).toBeLessThan(500);
  expect([...again.tags.keys()]).toEqual([...first.tags.keys()]);
});

test('tag objects are refused where they are cut, longer than they say, or of another name', () => {
  const repo = clean();
  repo.git('tag', '-a', '-m', 'one', 'one');
  repo.git('tag', '-a', '-m', 'two', 'two');
  using store = new ObjectStore(repo.path('.git'));
  const oids = ['one', 'two'].map((name) => repo.git('rev-parse', name)).sort();
  const { tags } = protectedObjects(store, oids, new Map());
  const bytes = encodeTagObjects(tags);
  expect([...decodeTagObjects(bytes).keys()]).toEqual(oids);
  const second = bytes.indexOf(oids[1]!);
  for (let at = 0; at < bytes.length - 1; at++) {
    const turned = Buffer.from(bytes);
    turned[at]! ^= 1;
    const found = [...decodeTagObjects(turned).keys()];
    for (const oid of found) expect(oids).toContain(oid);
    if (at !== second - 1) expect(found.length).toBeLessThan(2);
    expect(decodeTagObjects(bytes.subarray(0, at)).size).toBeLessThan(2);
  }
  expect(parseTag(Buffer.from('object x\n'))).toBeNull();
});
