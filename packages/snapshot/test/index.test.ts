// Indexes that git did not write, or that were damaged: refused by name, or read as git reads them,
// and never for long.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { Repo } from '@devs/test-kit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type GitIndex, readIndex } from '../src/git/index-file.ts';
import { AtomicSnapshotError, findRepository, takeSnapshot } from '../src/index.ts';
import { ObjectStore } from '../src/objects/object-store.ts';
import { readTree } from '../src/objects/trees.ts';

const OID = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391';

interface Entry {
  readonly name: string;
  readonly mode?: number;
  readonly stage?: number;
}

function entryBytes({ name, mode = 0o100644, stage = 0 }: Entry): Buffer {
  const bytes = Buffer.alloc((62 + name.length + 8) & ~7);
  bytes.writeUInt32BE(mode, 24);
  bytes.write(OID, 40, 'hex');
  bytes.writeUInt16BE((stage << 12) | Math.min(name.length, 0xfff), 60);
  bytes.write(name, 62, 'latin1');
  return bytes;
}

function header(count: number, version = 2): Buffer {
  const bytes = Buffer.from('DIRC\0\0\0\0\0\0\0\0');
  bytes.writeUInt32BE(version, 4);
  bytes.writeUInt32BE(count, 8);
  return bytes;
}

function extension(name: string, body: Buffer, size = body.length): Buffer {
  const head = Buffer.alloc(8);
  head.write(name, 'latin1');
  head.writeUInt32BE(size, 4);
  return Buffer.concat([head, body]);
}

/** An index with its checksum. */
function sealed(...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([body, createHash('sha1').update(body).digest()]);
}

const indexOf = (...entries: Entry[]): Buffer => sealed(header(entries.length), ...entries.map(entryBytes));

function read(repo: Repo): GitIndex {
  const { gitDir, commonDir } = findRepository(repo.dir);
  using store = new ObjectStore(commonDir);
  return readIndex(gitDir, (oid) => readTree(store, oid));
}

describe('refused, naming what is wrong:', () => {
  const one = entryBytes({ name: 'a' });
  const run = (bits: bigint) => {
    const bytes = Buffer.alloc(20);
    bytes.writeUInt32BE(64, 0);
    bytes.writeUInt32BE(1, 4);
    bytes.writeBigUInt64BE(bits, 8);
    return bytes;
  };
  test.each<[string, Buffer, string]>([
    ['a path above', indexOf({ name: '../x' }), '"../x", which leads to another directory'],
    ['an absolute path', indexOf({ name: '/x' }), '"/x", which is empty'],
    ['a path in .git', indexOf({ name: '.git/hooks/x' }), '".git/hooks/x", which is git\'s own directory'],
    ['a path in .GIT', indexOf({ name: 'a/.GiT/x' }), "which is git's own directory"],
    ['a name that is empty', indexOf({ name: '' }), 'which is empty'],
    ['a name with a NUL byte', indexOf({ name: 'a\0b' }), 'holds a NUL byte'],
    ['a mode that git does not write', indexOf({ name: 'a', mode: 0o104755 }), 'unknown mode 104755'],
    ['a directory where none may be', indexOf({ name: 'a/', mode: 0o40000 }), '"a/"'],
    ['not in order', indexOf({ name: 'b' }, { name: 'a' }), 'not in order'],
    ['twice the same', indexOf({ name: 'a' }, { name: 'a' }), '"a" twice'],
    ['stages out of order', indexOf({ name: 'a', stage: 2 }, { name: 'a', stage: 1 }), '"a" twice'],
    [
      'a file and a directory',
      indexOf({ name: 'a' }, { name: 'a-b' }, { name: 'a/b' }),
      'as a file and as a directory',
    ],
    ['more entries than bytes', sealed(header(0xffff_ffff), one), '4294967295 entries'],
    ['a name without its end', sealed(header(1), one.subarray(0, 62), Buffer.alloc(1, 'a')), 'ends in the middle'],
    ['an entry cut short', sealed(header(2), one, one.subarray(0, 40)), 'more than it has room for'],
    ['an extension cut short', sealed(header(1), one, extension('TREE', Buffer.alloc(4), 400)), '"TREE"'],
    ['an extension that must be understood', sealed(header(1), one, extension('zzzz', Buffer.alloc(4))), '"zzzz"'],
    ['a cache tree without its NUL', sealed(header(1), one, extension('TREE', Buffer.from('aaaa'))), 'cache tree'],
    [
      'a cache tree without end',
      sealed(header(1), one, extension('TREE', Buffer.from(`\0-1 1\n${'a\0-1 1\n'.repeat(99_999)}`))),
      'cache tree',
    ],
    ['a cache tree without numbers', sealed(header(1), one, extension('TREE', Buffer.from('\0x y\n'))), 'cache tree'],
    [
      'conflicts without their NUL',
      sealed(header(1), one, extension('REUC', Buffer.from('aaaa'))),
      'resolved conflicts',
    ],
    ['a link cut short', sealed(header(0), extension('link', Buffer.alloc(4))), 'shared index'],
    [
      'version 4 that takes too much',
      sealed(header(1, 4), one.subarray(0, 62), Buffer.from([0x85, 0]), Buffer.from('a\0aaa')),
      'name before',
    ],
    [
      'version 4 with an endless number',
      sealed(header(1, 4), one.subarray(0, 62), Buffer.alloc(40, 0xff)),
      'name before',
    ],
  ])('%s', (_, bytes, message) => {
    const repo = Repo.withWork();
    fs.writeFileSync(repo.path('.git/index'), bytes);
    const started = Date.now();
    const expected = { code: 'DEVS_INDEX_INVALID', message: expect.stringContaining(message) };
    expect(() => read(repo)).toThrow(expect.objectContaining(expected));
    expect(Date.now() - started).toBeLessThan(1_000);
  });

  test.each<[string, Buffer[]]>([
    ['a run of millions of millions', [run((0xffff_ffffn << 1n) | 1n)]],
    ['more words than there are', [run(0x7fff_ffffn << 33n)]],
    ['a position that the shared index does not have', [run((1n << 1n) | 1n)]],
    ['a replacement that is not there', [run(0n), Buffer.from(run(1n << 33n))]],
    ['half a bitmap', [Buffer.alloc(7)]],
  ])('a split index: %s', (_, bitmaps) => {
    const repo = Repo.withWork();
    const base = indexOf({ name: 'a' }, { name: 'b' });
    const name = base.toString('hex', base.length - 20);
    fs.writeFileSync(repo.path(`.git/sharedindex.${name}`), base);
    const link = extension('link', Buffer.concat([Buffer.from(name, 'hex'), ...bitmaps]));
    fs.writeFileSync(repo.path('.git/index'), sealed(header(0), link));
    const started = Date.now();
    expect(() => read(repo)).toThrow(expect.objectContaining({ code: 'DEVS_INDEX_INVALID' }));
    expect(Date.now() - started).toBeLessThan(1_000);
  });
});

test('a cache tree that counts wrong is not believed: no file is left out', async () => {
  const repo = Repo.create();
  for (const name of ['a/1', 'a/2', 'b/1', 'c']) repo.write(name, name);
  repo.commitAll('first');
  const index = fs.readFileSync(repo.path('.git/index'));
  // "a" has two entries; it says three, and so passes by one of "b".
  const at = index.indexOf(Buffer.from('a\x002 0\n', 'latin1'));
  index.write('3', at + 2);
  fs.writeFileSync(repo.path('.git/index'), index);
  const { oid } = await takeSnapshot(repo.dir, 't');
  expect(repo.git('ls-tree', '-r', '--name-only', oid).split('\n')).toEqual(['a/1', 'a/2', 'b/1', 'c']);
});

test('a sound index: the entries that git lists, in all forms', () => {
  for (const form of [[], ['--index-version', '4'], ['--split-index'], ['--untracked-cache']]) {
    const repo = Repo.withWork();
    if (form.length > 0) repo.git('update-index', ...form);
    if (form[0] === '--split-index') {
      repo.write('new', 'x');
      repo.git('add', 'new', 'dir');
      repo.git('rm', '-q', '--cached', 'script.sh');
    }
    const listed = repo.git('ls-files', '-s', '-z').split('\0').filter(Boolean);
    const { entries } = read(repo);
    expect(entries.map(({ path, mode, stage }) => `${mode.toString(8)} ${stage} ${path}`)).toEqual(
      listed.map((line) => line.replace(/^(\d+) \w+ (\d)\t/, '$1 $2 ')),
    );
  }
});

test('damaged at random: a coded error or a sound parse, within a second', () => {
  const repos = [[], ['--index-version', '4'], ['--split-index']].map((form) => {
    const repo = Repo.withWork();
    if (form.length > 0) repo.git('update-index', ...form);
    if (form[0] === '--split-index') repo.git('rm', '-q', '--cached', 'script.sh');
    return { repo, sound: fs.readFileSync(repo.path('.git/index')) };
  });
  const change = fc.record({ at: fc.nat(), value: fc.constantFrom(0, 1, 2, 0x2e, 0x2f, 0x40, 0x7f, 0x80, 0xff) });
  fc.assert(
    fc.property(
      fc.constantFrom(...repos),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      fc.nat(),
      ({ repo, sound }, changes, cut) => {
        const bytes = Buffer.from(cut % 5 === 0 ? sound.subarray(0, cut % sound.length) : sound);
        for (const { at, value } of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
        fs.writeFileSync(repo.path('.git/index'), bytes);
        const started = Date.now();
        try {
          for (const { path } of read(repo).entries) expect(path).not.toMatch(/(^|\/)(\.\.?|\.git|)(\/|$)/i);
        } catch (error) {
          if (!(error instanceof AtomicSnapshotError)) throw error;
          expect(error.code).toMatch(/^DEVS_(INDEX_INVALID|SHARED_INDEX_MISSING|OBJECT_)/);
        }
        expect(Date.now() - started).toBeLessThan(1_000);
      },
    ),
    { numRuns: Number(process.env.DEVS_TEST_CASES ?? 500) },
  );
});
