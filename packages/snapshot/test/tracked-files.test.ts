import fs from 'node:fs';
import { Repo } from '@devs/test-kit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { IndexEntry } from '../src/git/index-entry.ts';
import { AtomicSnapshot } from '../src/index.ts';
import { isEmpty, TrackedFiles } from '../src/scan/tracked-files.ts';

const entryOf = (path: string): IndexEntry => ({
  path,
  mode: 0o100644,
  stage: 0,
  skipWorktree: false,
  intentToAdd: false,
  offset: 0,
});

const bytewise = (a: string, b: string) => (a < b ? -1 : 1);

/** Names around the slash in byte order, so that files and directories of like names are neighbours. */
const name = fc.stringMatching(/^[a-b!0.-]{1,2}$/).filter((text) => text !== '.' && text !== '..');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
/** No path is a directory of another. */
const paths = fc
  .uniqueArray(path, { maxLength: 60 })
  .map((all) => all.filter((one) => !all.some((other) => other.startsWith(`${one}/`))).sort(bytewise));

test('finds what a search through all paths finds', () => {
  fc.assert(
    fc.property(paths, fc.uniqueArray(name), path, (all, otherNames, other) => {
      const tracked = new TrackedFiles({ entries: all.map(entryOf) });
      for (const one of [...all, other]) {
        const position = all.indexOf(one);
        expect(tracked.position(one)).toBe(position === -1 ? undefined : position);
      }
      const parents = all.flatMap((one) => [...one.matchAll(/\//g)].map(({ index }) => one.slice(0, index)));
      for (const dir of new Set(['', other, ...parents])) {
        const prefix = dir === '' ? '' : `${dir}/`;
        const below = tracked.below(dir);
        expect(all.slice(below.start, below.end)).toEqual(all.filter((one) => one.startsWith(prefix)));
        expect(isEmpty(below)).toBe(!all.some((one) => one.startsWith(prefix)));
        const here = all.filter((one) => one.startsWith(prefix)).map((one) => one.slice(prefix.length).split('/')[0]!);
        const files = tracked.directlyIn(dir, below);
        for (const asked of [...new Set([...here, ...otherNames])].sort(bytewise)) {
          const position = all.indexOf(prefix + asked);
          expect(files.position(asked)).toBe(position === -1 ? undefined : position);
          expect(tracked.below(prefix + asked, below, files.passed)).toEqual(tracked.below(prefix + asked));
        }
      }
    }),
    { numRuns: 1_000 },
  );
});

test('an index whose cache tree is cut short is refused', async () => {
  const repo = Repo.create();
  repo.write('dir/a', '1\n');
  repo.commitAll('base');
  const index = fs.readFileSync(repo.path('.git/index'));
  // The extension's size, and with it all that follows its first bytes.
  index.writeUInt32BE(4, index.indexOf('TREE', 74) + 4);
  fs.writeFileSync(repo.path('.git/index'), index);
  await expect(AtomicSnapshot.take(repo.dir, 'x')).rejects.toMatchObject({ code: 'DEVS_INDEX_INVALID' });
  expect(repo.refs()).toEqual([]);
});

test('a cache tree that counts other entries than the index has is not believed', async () => {
  const repo = Repo.create();
  for (const content of ['1\n', '2\n']) {
    repo.write('a', content);
    repo.commitAll('base');
  }
  const ref = await AtomicSnapshot.take(repo.dir, 'x');
  fs.rmSync(repo.path('.git/index'));
  // Refuses to start, and leaves an index without entries whose cache tree is HEAD's.
  expect(() => repo.git('rebase', '-x', 'false', 'HEAD~1')).toThrow('uncommitted changes');
  expect(repo.git('ls-files')).toBe('');
  expect(fs.readFileSync(repo.path('.git/index')).includes('TREE')).toBe(true);
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(repo.read('a')).toBe('2\n');
  expect(repo.git('status', '--porcelain')).toBe('');
});

test('an index out of order is refused, as git does, and nothing changes', async () => {
  const repo = Repo.create();
  repo.write('a', '1\n');
  repo.write('b', '2\n');
  repo.commitAll('base');
  const index = fs.readFileSync(repo.path('.git/index'));
  const [first, second] = [index.indexOf('a\0', 74), index.indexOf('b\0', 74)];
  index[first] = 'b'.charCodeAt(0);
  index[second] = 'a'.charCodeAt(0);
  fs.writeFileSync(repo.path('.git/index'), index);
  await expect(AtomicSnapshot.take(repo.dir, 'x')).rejects.toMatchObject({
    code: 'DEVS_INDEX_INVALID',
    message: expect.stringContaining('is not in order'),
  });
  expect(fs.readFileSync(repo.path('.git/index'))).toEqual(index);
  expect(repo.refs()).toEqual([]);
});
