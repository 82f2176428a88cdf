import fs from 'node:fs';
import { Repo } from '@devs/test-kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';

const twoSnapshots = async (repo: Repo, change: () => void): Promise<[string, string]> => {
  const before = await AtomicSnapshot.take(repo.dir, 'before');
  change();
  return [before, await AtomicSnapshot.take(repo.dir, 'after')];
};

/** Applies the patch, by the real git, to the files of `before`; returns them. */
function applied(repo: Repo, before: Record<string, string>, patches: readonly (Buffer | undefined)[]): Repo {
  const other = new Repo();
  for (const [name, content] of Object.entries(before)) other.write(name, Buffer.from(content, 'latin1'));
  fs.writeFileSync(`${other.dir}.patch`, Buffer.concat(patches.map((patch) => patch ?? Buffer.alloc(0))));
  repo.git('-C', other.dir, 'apply', '--whitespace=nowarn', `${other.dir}.patch`);
  return other;
}

describe('diff', () => {
  test('names each path with its status, and counts lines where asked', async () => {
    const repo = Repo.withWork();
    const [from, to] = await twoSnapshots(repo, () => {
      repo.write('a.txt', 'staged\nchanged\nand more\n');
      fs.rmSync(repo.path('untracked.txt'));
      fs.chmodSync(repo.path('dir/d.txt'), 0o755);
      fs.rmSync(repo.path('link'));
      repo.write('link', 'a file now\n');
      repo.write('made.bin', Buffer.from([0, 1, 2]));
    });
    expect(await AtomicSnapshot.diff(repo.dir, from, to, { lines: true })).toEqual([
      { path: 'a.txt', status: 'modified', added: 2, deleted: 1 },
      { path: 'dir/d.txt', status: 'mode changed', added: 0, deleted: 0 },
      { path: 'link', status: 'type changed', added: 1, deleted: 1 },
      { path: 'made.bin', status: 'added', added: null, deleted: null },
      { path: 'untracked.txt', status: 'deleted', added: 0, deleted: 1 },
    ]);
    expect(await AtomicSnapshot.diff(repo.dir, from, to, { paths: ['dir/', './link'] })).toEqual([
      { path: 'dir/d.txt', status: 'mode changed' },
      { path: 'link', status: 'type changed' },
    ]);
  });

  test('without a second snapshot compares with the work tree, and leaves no ref behind', async () => {
    const repo = Repo.withWork();
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    expect(await AtomicSnapshot.diff(repo.dir, ref)).toEqual([]);
    repo.write('a.txt', 'x');
    expect(await AtomicSnapshot.diff(repo.dir, ref)).toEqual([{ path: 'a.txt', status: 'modified' }]);
    expect(repo.refs()).toEqual([ref]);
  });

  test('its patches are what git apply takes: any bytes, odd names, modes, with and without a last newline', async () => {
    const line = fc.constantFrom('a', 'b', 'c', '', 'a\r', '\xff\xfe', ' x', '+y', '-z', '\\ n', 'longer line of text');
    const text = fc
      .tuple(fc.array(line, { maxLength: 12 }), fc.boolean())
      .map(([lines, newline]) => lines.join('\n') + (newline ? '\n' : ''));
    const name = fc.constantFrom('plain.txt', 'dir/with space.txt', 'tab\there', 'quote".txt', 'back\\slash', 'ünï');
    await fc.assert(
      fc.asyncProperty(name, text, text, async (file, before, after) => {
        const repo = Repo.create();
        repo.write(file, Buffer.from(before, 'latin1'));
        const [from, to] = await twoSnapshots(repo, () => repo.write(file, Buffer.from(after, 'latin1')));
        const [entry] = await AtomicSnapshot.diff(repo.dir, from, to, { patch: true });
        expect(entry === undefined).toBe(before === after);
        if (entry === undefined) return;
        const other = applied(repo, { [file]: before }, [entry.patch]);
        expect(fs.readFileSync(other.path(file)).toString('latin1')).toBe(after);
      }),
      { numRuns: Number(process.env.DEVS_TEST_CASES ?? 60) },
    );
  });

  test('a patch that adds and deletes files applies', async () => {
    const repo = Repo.create();
    repo.write('old.txt', 'one\ntwo\n');
    const [from, to] = await twoSnapshots(repo, () => fs.renameSync(repo.path('old.txt'), repo.path('new.txt')));
    const entries = await AtomicSnapshot.diff(repo.dir, from, to, { patch: true });
    const patches = entries.map(({ patch }) => patch);
    const other = applied(repo, { 'old.txt': 'one\ntwo\n' }, patches);
    expect([other.read('new.txt'), other.exists('old.txt')]).toEqual(['one\ntwo\n', false]);
  });
});

describe('verify', () => {
  test('finds nothing wrong with a snapshot, after a gc too', async () => {
    const repo = Repo.withWork();
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    const before = await AtomicSnapshot.verify(repo.dir, ref);
    expect(before).toMatchObject({ ref, problems: [] });
    expect(before.objects).toBeGreaterThan(20);
    repo.git('gc', '-q', '--prune=now');
    expect(await AtomicSnapshot.verify(repo.dir, ref)).toEqual(before);
  });

  test('names what is missing and what is damaged', async () => {
    const repo = Repo.withWork();
    const ref = await AtomicSnapshot.take(repo.dir, 't');
    // Loose, so that one can be taken away.
    repo.git('repack', '-adq');
    for (const name of fs.readdirSync(repo.path('.git/objects/pack'))) {
      if (!name.endsWith('.pack')) continue;
      const pack = fs.readFileSync(repo.path(`.git/objects/pack/${name}`));
      fs.rmSync(repo.path(`.git/objects/pack/${name}`));
      fs.rmSync(repo.path(`.git/objects/pack/${name.replace(/pack$/, 'idx')}`));
      repo.unpackObjects(pack);
    }
    const object = (revision: string) => {
      const oid = repo.git('rev-parse', revision);
      return repo.path(`.git/objects/${oid.slice(0, 2)}/${oid.slice(2)}`);
    };
    fs.rmSync(object(`${ref}:a.txt`));
    fs.chmodSync(object(`${ref}^3:untracked.txt`), 0o644);
    fs.writeFileSync(object(`${ref}^3:untracked.txt`), 'garbage');
    const { problems } = await AtomicSnapshot.verify(repo.dir, ref);
    expect(problems).toMatchObject([
      { path: 'work/a.txt', problem: expect.stringContaining('missing') },
      { path: 'untracked/untracked.txt', problem: expect.stringContaining('damaged') },
    ]);
  });
});

test('a text whose every line changed is compared in no time, and its patch applies', async () => {
  const repo = Repo.create();
  const text = (letter: string) => `${letter}\n`.repeat(60_000);
  repo.write('a.txt', text('a'));
  const [from, to] = await twoSnapshots(repo, () => repo.write('a.txt', `${text('b')}no end`));
  const [entry] = await AtomicSnapshot.diff(repo.dir, from, to, { lines: true, patch: true });
  expect(entry).toMatchObject({ added: 60_001, deleted: 60_000 });
  expect(applied(repo, { 'a.txt': text('a') }, [entry!.patch]).read('a.txt')).toBe(`${text('b')}no end`);
});
