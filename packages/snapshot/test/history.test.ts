import fs from 'node:fs';
import { Repo } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { commitsBetween } from '../src/objects/history.ts';
import { ObjectStore } from '../src/objects/object-store.ts';

/** What git itself says of `base..tip`. */
function gitLog(repo: Repo, range: string): string[] {
  const text = repo.git('log', '--format=%H %s', range);
  return text === '' ? [] : text.split('\n');
}

async function ours(repo: Repo, base: string | null, tip: string): Promise<string[]> {
  using store = new ObjectStore(repo.path('.git'));
  const resolve = (name: string) => repo.git('rev-parse', name);
  const commits = await commitsBetween(store, base === null ? null : resolve(base), resolve(tip));
  return commits.map(({ oid, subject }) => `${oid} ${subject}`);
}

function commit(repo: Repo, name: string): void {
  repo.write(name, `${name}\n`);
  repo.commitAll(name);
}

/** main: one - two - merge - three; side: one - beside. */
function withMerge(): Repo {
  const repo = Repo.create();
  commit(repo, 'one');
  repo.git('checkout', '-q', '-b', 'side');
  commit(repo, 'beside');
  repo.git('checkout', '-q', 'main');
  commit(repo, 'two');
  repo.git('merge', '-q', '--no-ff', '-m', 'merge', 'side');
  commit(repo, 'three');
  return repo;
}

describe('the commits between two are those of git log', () => {
  test.each([
    ['main~1', 'main'],
    ['main~2', 'main'],
    ['main~3', 'main'],
    ['side', 'main'],
    ['main', 'side'],
    ['main', 'main'],
  ])('%s..%s', async (base, tip) => {
    const repo = withMerge();
    expect((await ours(repo, base, tip)).sort()).toEqual(gitLog(repo, `${base}..${tip}`).sort());
  });

  test('all of them where there is no base', async () => {
    const repo = withMerge();
    expect((await ours(repo, null, 'main')).sort()).toEqual(gitLog(repo, 'main').sort());
  });

  test('after a gc, from a pack', async () => {
    const repo = withMerge();
    repo.git('gc', '-q', '--prune=now');
    expect((await ours(repo, 'side', 'main')).sort()).toEqual(gitLog(repo, 'side..main').sort());
  });

  test('annotated tags are peeled', async () => {
    const repo = withMerge();
    repo.git('tag', '-a', '-m', 'old', 'old', 'main~1');
    repo.git('tag', '-a', '-m', 'new', 'new', 'main');
    repo.git('tag', '-a', '-m', 'nested', 'nested', 'new');
    expect(await ours(repo, 'old', 'nested')).toEqual(gitLog(repo, 'main~1..main'));
  });

  test('a shallow clone ends where its list says', async () => {
    const origin = withMerge();
    const clone = Repo.create();
    clone.git('fetch', '-q', '--depth=2', `file://${origin.dir}`, 'main');
    expect((await ours(clone, null, 'FETCH_HEAD')).sort()).toEqual(gitLog(clone, 'FETCH_HEAD').sort());
  });
});

test('a history that is missing a commit is a coded error', async () => {
  const repo = withMerge();
  const gone = repo.git('rev-parse', 'main~2');
  fs.rmSync(repo.path(`.git/objects/${gone.slice(0, 2)}/${gone.slice(2)}`));
  await expect(ours(repo, null, 'main')).rejects.toMatchObject({ code: 'DEVS_OBJECT_DAMAGED', hint: ['git', 'fsck'] });
});

test('a commit without a valid author, which isomorphic-git cannot parse, is a coded error', async () => {
  const repo = withMerge();
  const tree = repo.git('rev-parse', 'main^{tree}');
  repo.write('commit', `tree ${tree}\nauthor nobody\ncommitter nobody\n\nno author\n`);
  const oid = repo.git('hash-object', '-t', 'commit', '--literally', '-w', 'commit');
  await expect(ours(repo, null, oid)).rejects.toMatchObject({ code: 'DEVS_OBJECT_DAMAGED' });
});
