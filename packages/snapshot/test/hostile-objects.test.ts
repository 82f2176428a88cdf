// Objects, packs and pack indexes that no git would write. Whatever the bytes are, reading ends, is
// bounded, and says no with a code; and what is damaged takes nothing sound with it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { Repo, temporaryDirectory } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { AtomicSnapshot } from '../src/index.ts';
import { DamagedBytes } from '../src/objects/damaged-bytes.ts';
import { applyDelta } from '../src/objects/delta.ts';
import { loosePath } from '../src/objects/loose-object.ts';
import { ObjectStore } from '../src/objects/object-store.ts';
import { parseEntryHeader } from '../src/objects/pack-entry.ts';
import { diffTrees, readTree } from '../src/objects/trees.ts';

const DAMAGED = expect.objectContaining({
  name: 'AtomicSnapshotError',
  code: 'DEVS_OBJECT_DAMAGED',
  hint: ['git', 'fsck'],
});

function emptyRepo(): { repo: Repo; objects: string } {
  const repo = Repo.create();
  return { repo, objects: repo.path('.git/objects') };
}

function opened<T>(repo: Repo, work: (store: ObjectStore) => T): T {
  using store = new ObjectStore(repo.path('.git'));
  return work(store);
}

/** What reading throws. */
function failureOf(repo: Repo, oid: string): unknown {
  return opened(repo, (store) => {
    try {
      store.find(oid);
    } catch (error) {
      return error;
    }
    return null;
  });
}

function inMs(work: () => void): number {
  const begin = performance.now();
  work();
  return performance.now() - begin;
}

const oidOf = (fill: number) => fill.toString(16).padStart(2, '0').repeat(20);

function plant(objects: string, oid: string, bytes: Uint8Array): void {
  const file = loosePath(objects, oid);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, bytes);
}

function entry(kind: number, size: number, rest: Uint8Array): Buffer {
  const head = [(kind << 4) | (size & 15)];
  for (let left = Math.floor(size / 16); left > 0; left = Math.floor(left / 128)) {
    head[head.length - 1]! |= 0x80;
    head.push(left & 0x7f);
  }
  return Buffer.concat([Buffer.from(head), rest]);
}

/** Where each entry of a pack begins. */
function placesOf(entries: readonly Buffer[]): number[] {
  let at = 12;
  return entries.map(({ length }) => {
    at += length;
    return at - length;
  });
}

/** A pack of these entries, and an index that names `offsets` in it `oidOf(1)`, `oidOf(2)`, ... */
function plantPack(objects: string, entries: readonly Buffer[], offsets = placesOf(entries)): string {
  const body = Buffer.concat([Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1'), ...entries]);
  body.writeUInt32BE(entries.length, 8);
  const checksum = createHash('sha1').update(body).digest();
  const index = Buffer.alloc(1032 + offsets.length * 28 + 40);
  index.writeUInt32BE(0xff744f63, 0);
  index.writeUInt32BE(2, 4);
  for (let i = 0; i < 256; i++) index.writeUInt32BE(Math.min(i, offsets.length), 8 + i * 4);
  offsets.forEach((offset, i) => {
    index.write(oidOf(i + 1), 1032 + i * 20, 'hex');
    index.writeUInt32BE(offset, 1032 + offsets.length * 24 + i * 4);
  });
  checksum.copy(index, index.length - 40);
  const base = path.join(objects, 'pack', `pack-${checksum.toString('hex')}`);
  fs.writeFileSync(`${base}.pack`, Buffer.concat([body, checksum]));
  fs.writeFileSync(`${base}.idx`, index);
  return base;
}

const OFS = 6;
const REF = 7;
/** A delta that makes nothing of a base of no bytes. */
const NO_CHANGE = Buffer.from([0, 0]);

function refDelta(base: string, delta: Uint8Array = NO_CHANGE): Buffer {
  return entry(REF, delta.length, Buffer.concat([Buffer.from(base, 'hex'), deflateSync(delta)]));
}

describe('loose objects', () => {
  test.each<[string, Uint8Array]>([
    ['nothing', Buffer.alloc(0)],
    ['no zlib stream', Buffer.from('not deflated at all')],
    ['a stream that is cut short', deflateSync(Buffer.from('blob 5\0hello')).subarray(0, 10)],
    ['no header', deflateSync(Buffer.from('hello'))],
    ['an unknown type', deflateSync(Buffer.from('blub 5\0hello'))],
    ['a type that every object has', deflateSync(Buffer.from('constructor 5\0hello'))],
    ['a negative size', deflateSync(Buffer.from('blob -5\0hello'))],
    ['a size of a hundred digits', deflateSync(Buffer.from(`blob ${'9'.repeat(100)}\0hello`))],
    ['a size with a zero before it', deflateSync(Buffer.from('blob 05\0hello'))],
    ['a size that is no number', deflateSync(Buffer.from('blob 0x5\0hello'))],
    ['more bytes than it says', deflateSync(Buffer.from('blob 4\0hello'))],
    ['fewer bytes than it says', deflateSync(Buffer.from('blob 6\0hello'))],
    ['another name', deflateSync(Buffer.from('blob 5\0hello'))],
    ['a size beyond memory', deflateSync(Buffer.from('blob 9007199254740991\0hello'))],
    ['a tree of a gigabyte', deflateSync(Buffer.from('tree 1073741824\0hello'))],
  ])('%s', (_, bytes) => {
    const { repo, objects } = emptyRepo();
    plant(objects, oidOf(1), bytes);
    expect(failureOf(repo, oidOf(1))).toEqual(DAMAGED);
    opened(repo, (store) => expect(() => store.read(oidOf(1), 'tree')).toThrow(DAMAGED));
  });

  test('a small file that inflates to 256 MiB is not inflated', () => {
    const { repo, objects } = emptyRepo();
    const body = deflateSync(Buffer.concat([Buffer.from('blob 5\0'), Buffer.alloc(1 << 28)]), { level: 1 });
    plant(objects, oidOf(1), body);
    const before = process.memoryUsage().rss;
    expect(inMs(() => expect(failureOf(repo, oidOf(1))).toEqual(DAMAGED))).toBeLessThan(1_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 << 20);
  });

  test('a large object that has more bytes than it says ends where it says', async () => {
    const { repo, objects } = emptyRepo();
    const says = 17 << 20;
    const body = deflateSync(Buffer.concat([Buffer.from(`blob ${says}\0`), Buffer.alloc(1 << 27)]), { level: 1 });
    plant(objects, oidOf(1), body);
    using store = new ObjectStore(repo.path('.git'));
    let read = 0;
    const readAll = async () => {
      for await (const piece of store.readBlob(oidOf(1))) read += piece.length;
    };
    await expect(readAll()).rejects.toEqual(DAMAGED);
    expect(read).toBeLessThanOrEqual(says);
  });

  test.runIf(process.platform !== 'win32')('a fifo, a directory and a device', () => {
    const { repo, objects } = emptyRepo();
    for (const i of [1, 2, 3]) fs.mkdirSync(path.dirname(loosePath(objects, oidOf(i))), { recursive: true });
    execFileSync('mkfifo', [loosePath(objects, oidOf(1))]);
    fs.mkdirSync(loosePath(objects, oidOf(2)));
    fs.symlinkSync('/dev/zero', loosePath(objects, oidOf(3)));
    for (const i of [1, 2, 3]) {
      expect(failureOf(repo, oidOf(i))).toEqual(DAMAGED);
      opened(repo, (store) => {
        expect(store.typeOf(oidOf(i))).toBeNull();
        expect(store.sizeOf(Buffer.from(oidOf(i), 'hex'))).toBeNull();
        expect(store.findLarge(oidOf(i))).toBeNull();
      });
    }
  });

  test('a damaged copy is passed over where a pack or an alternate has a sound one', () => {
    const { repo, objects } = emptyRepo();
    repo.write('a', 'a\n');
    repo.commitAll('a');
    const oid = repo.git('rev-parse', 'HEAD:a');
    repo.git('gc', '-q');
    plant(objects, oid, Buffer.from('damaged'));
    opened(repo, (store) => expect(store.read(oid, 'blob').toString()).toBe('a\n'));
    const clone = Repo.create();
    plant(clone.path('.git/objects'), oid, Buffer.from('damaged'));
    clone.write('.git/objects/info/alternates', `${objects}\n`);
    fs.rmSync(loosePath(objects, oid));
    opened(clone, (store) => expect(store.read(oid, 'blob').toString()).toBe('a\n'));
  });
});

describe('packs', () => {
  const hello = deflateSync(Buffer.from('hello'));
  test.each<[string, Buffer[]]>([
    ['a delta of itself', [entry(OFS, 2, Buffer.concat([Buffer.from([0]), deflateSync(NO_CHANGE)]))]],
    ['a base before the pack', [entry(OFS, 2, Buffer.concat([Buffer.from([127]), deflateSync(NO_CHANGE)]))]],
    ['a base in the pack header', [entry(OFS, 2, Buffer.concat([Buffer.from([5]), deflateSync(NO_CHANGE)]))]],
    ['a base at an endless distance', [entry(OFS, 2, Buffer.alloc(30, 0xff))]],
    ['a base that is missing', [refDelta(oidOf(99))]],
    ['deltas of each other', [refDelta(oidOf(2)), refDelta(oidOf(1))]],
    ['a delta by name of itself', [refDelta(oidOf(1))]],
    ['a size without end', [Buffer.alloc(40, 0xff)]],
    ['kind 0', [entry(0, 5, hello)]],
    ['kind 5', [entry(5, 5, hello)]],
    ['fewer bytes than it says', [entry(3, 6, hello)]],
    ['more bytes than it says', [entry(3, 4, hello)]],
    ['a size beyond memory', [entry(3, 2 ** 52, hello)]],
    ['a commit of a gigabyte', [entry(1, 2 ** 30, hello)]],
    ['no zlib stream', [entry(3, 5, Buffer.from('hello'))]],
    ['an end inside the header', [Buffer.from([0x80])]],
    ['a delta that is cut short', [refDelta(oidOf(2), Buffer.from([0x80])), entry(3, 0, deflateSync(Buffer.alloc(0)))]],
    ['another name', [entry(3, 5, hello)]],
  ])('%s', (_, entries) => {
    const { repo, objects } = emptyRepo();
    plantPack(objects, entries);
    expect(inMs(() => expect(failureOf(repo, oidOf(1))).toEqual(DAMAGED))).toBeLessThan(1_000);
    opened(repo, (store) => {
      store.typeOf(oidOf(1));
      store.sizeOf(Buffer.from(oidOf(1), 'hex'));
    });
  });

  /** A delta of the entry that lies right before it. */
  function deltaOf(before: Buffer, delta: Buffer): Buffer {
    const distance = [before.length & 127];
    for (let left = before.length >> 7; left > 0; left >>= 7) distance.unshift(0x80 | (--left & 127));
    return entry(OFS, delta.length, Buffer.concat([Buffer.from(distance), deflateSync(delta)]));
  }

  test('a chain of deltas that is longer than any of git ends, and takes no stack', () => {
    const { repo, objects } = emptyRepo();
    const entries = [entry(3, 0, deflateSync(Buffer.alloc(0)))];
    for (let i = 0; i < 5_000; i++) entries.push(deltaOf(entries.at(-1)!, NO_CHANGE));
    const places = placesOf(entries);
    plantPack(objects, entries, [places[5_000]!, places[4_000]!]);
    expect(failureOf(repo, oidOf(1))).toMatchObject({
      message: expect.stringContaining('chain of deltas is too long'),
    });
    expect(failureOf(repo, oidOf(2))).toMatchObject({ message: expect.stringContaining('another name') });
  });

  test('a chain of deltas that multiplies a small pack is stopped', () => {
    const { repo, objects } = emptyRepo();
    // Each makes 60 MiB of 60 MiB by four copies of fifteen.
    const size = 60 << 20;
    const number = (value: number) => [0, 7, 14, 21].map((by) => ((value >> by) & 127) | (by < 21 ? 0x80 : 0));
    const part = size / 4;
    const copy = [0x80 | 0x70, part & 255, (part >> 8) & 255, (part >> 16) & 255];
    const same = Buffer.from([...number(size), ...number(size), ...copy, ...copy, ...copy, ...copy]);
    const entries = [entry(2, size, deflateSync(Buffer.alloc(size), { level: 1 }))];
    for (let i = 0; i < 500; i++) entries.push(deltaOf(entries.at(-1)!, same));
    plantPack(objects, entries, [placesOf(entries).at(-1)!]);
    const before = process.memoryUsage().rss;
    const failure = inMs(() =>
      expect(failureOf(repo, oidOf(1))).toMatchObject({ message: expect.stringContaining('makes too much of it') }),
    );
    expect(failure).toBeLessThan(10_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 << 20);
  });

  test('offsets that lie beyond the pack, in its header, and in a table that does not exist', () => {
    for (const offset of [0, 11, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      const { repo, objects } = emptyRepo();
      plantPack(objects, [entry(3, 5, hello)], [offset]);
      expect(failureOf(repo, oidOf(1))).toEqual(DAMAGED);
    }
  });

  test('every bit of the delta of a sound object, turned, is refused or harmless', () => {
    const base = Buffer.from('the quick brown fox jumps over the lazy dog');
    const delta = Buffer.from([43, 20, 0x90 | 1, 4, 10, 5, ...Buffer.from('hello'), 0x91, 20, 5]);
    expect(applyDelta(base, delta, () => {}).toString()).toBe(`${base.subarray(4, 14)}hello${base.subarray(20, 25)}`);
    const accept = (size: number) => {
      if (size > 1_000) throw new DamagedBytes('too large');
    };
    for (let bit = 0; bit < delta.length * 8; bit++) {
      const turned = Buffer.from(delta);
      turned[bit >> 3]! ^= 1 << (bit & 7);
      try {
        expect(applyDelta(base, turned, accept).length).toBeLessThanOrEqual(1_000);
      } catch (error) {
        expect(error).toBeInstanceOf(DamagedBytes);
      }
    }
    for (let end = 0; end < delta.length; end++) {
      expect(() => applyDelta(base, delta.subarray(0, end), accept)).toThrow(DamagedBytes);
    }
    expect(() => parseEntryHeader(Buffer.alloc(0))).toThrow(DamagedBytes);
  });
});

describe('pack indexes', () => {
  function withPack(): { repo: Repo; idx: string; pack: string; oids: string[] } {
    const repo = Repo.create();
    for (let i = 0; i < 30; i++) repo.write(`f${i}`, `content ${i}\n`);
    repo.commitAll('first');
    repo.git('gc', '-q');
    const dir = repo.path('.git/objects/pack');
    const idx = path.join(dir, fs.readdirSync(dir).find((name) => name.endsWith('.idx'))!);
    fs.chmodSync(idx, 0o644);
    const oids = repo.git('rev-list', '--objects', '--no-object-names', 'HEAD').split('\n');
    return { repo, idx, pack: idx.replace(/idx$/, 'pack'), oids };
  }

  test.each<[string, (bytes: Buffer) => Buffer]>([
    ['empty', () => Buffer.alloc(0)],
    ['cut in the fanout', (bytes) => bytes.subarray(0, 500)],
    ['cut in the names', (bytes) => bytes.subarray(0, 1_100)],
    ['without its checksums', (bytes) => bytes.subarray(0, -40)],
    ['with a tail', (bytes) => Buffer.concat([bytes, Buffer.alloc(4_000)])],
    ['of version 3', (bytes) => Buffer.concat([bytes.subarray(0, 7), Buffer.from([3]), bytes.subarray(8)])],
    [
      'with a wild fanout',
      (bytes) => {
        bytes.fill(0xff, 8, 8 + 400);
        return bytes;
      },
    ],
    [
      'that counts to four billion',
      (bytes) => {
        bytes.fill(0xff, 8, 8 + 1_024);
        return bytes;
      },
    ],
    ['of random bytes', (bytes) => Buffer.alloc(bytes.length, 'r4nd')],
  ])('%s: its objects are missing, and all others are there', (_, damage) => {
    const { repo, idx, oids } = withPack();
    repo.write('loose', 'loose\n');
    const loose = repo.git('hash-object', '-w', 'loose');
    fs.writeFileSync(idx, damage(fs.readFileSync(idx)));
    opened(repo, (store) => {
      expect(store.read(loose, 'blob').toString()).toBe('loose\n');
      for (const oid of oids) expect(store.find(oid)).toBeNull();
    });
  });

  test.runIf(process.platform !== 'win32')(
    'a fifo, a device and a directory are passed over; links are followed',
    () => {
      const { repo, idx, pack, oids } = withPack();
      const dir = path.dirname(idx);
      execFileSync('mkfifo', [path.join(dir, 'pack-a.idx'), path.join(dir, 'pack-b.pack')]);
      fs.copyFileSync(idx, path.join(dir, 'pack-b.idx'));
      fs.symlinkSync('/dev/zero', path.join(dir, 'pack-c.idx'));
      fs.mkdirSync(path.join(dir, 'pack-d.idx'));
      fs.symlinkSync('pack-e.idx', path.join(dir, 'pack-e.idx'));
      opened(repo, (store) => {
        for (const oid of oids) expect(store.find(oid)).not.toBeNull();
      });
      const elsewhere = temporaryDirectory();
      for (const file of [idx, pack]) {
        fs.renameSync(file, path.join(elsewhere, path.basename(file)));
        fs.symlinkSync(path.join(elsewhere, path.basename(file)), file);
      }
      opened(repo, (store) => {
        for (const oid of oids) expect(store.find(oid)).not.toBeNull();
      });
    },
  );

  test('a damaged pack is passed over where another has the object', () => {
    const { repo, idx, pack, oids } = withPack();
    const dir = path.dirname(idx);
    for (const name of ['pack-0.pack', 'pack-zzz.pack'])
      fs.writeFileSync(path.join(dir, name), fs.readFileSync(pack).fill(0x55, 12));
    for (const name of ['pack-0.idx', 'pack-zzz.idx']) fs.copyFileSync(idx, path.join(dir, name));
    opened(repo, (store) => {
      for (const oid of oids) expect(store.find(oid)).not.toBeNull();
    });
  });

  test('version 1 is read', () => {
    const { repo, idx, pack, oids } = withPack();
    fs.rmSync(idx);
    repo.git('index-pack', '--index-version=1', pack);
    opened(repo, (store) => {
      for (const oid of oids) expect(store.find(oid)!.type).toBe(repo.git('cat-file', '-t', oid));
    });
  });

  test('offsets of 64 bits are read', () => {
    const { repo, idx, pack, oids } = withPack();
    fs.rmSync(idx);
    repo.git('index-pack', '--index-version=2,0x40', pack);
    expect(fs.statSync(idx).size).toBeGreaterThan(1072 + 28 * oids.length);
    opened(repo, (store) => {
      for (const oid of oids) expect(store.find(oid)!.type).toBe(repo.git('cat-file', '-t', oid));
    });
  });

  test('one byte of each 64-bit offset turned is a coded error or the object', () => {
    const { repo, idx, pack, oids } = withPack();
    fs.rmSync(idx);
    repo.git('index-pack', '--index-version=2,0x40', pack);
    const bytes = fs.readFileSync(idx);
    fs.chmodSync(idx, 0o644);
    for (let at = 1032 + oids.length * 24; at < bytes.length - 40; at++) {
      const turned = Buffer.from(bytes);
      turned[at]! ^= 0xff;
      fs.writeFileSync(idx, turned);
      opened(repo, (store) => {
        for (const oid of oids) {
          try {
            expect(store.find(oid)).not.toBeNull();
          } catch (error) {
            expect(error).toEqual(DAMAGED);
          }
        }
      });
    }
  });
});

describe('alternates', () => {
  function chain(length: number): { first: Repo; oid: string } {
    const repos = Array.from({ length }, () => Repo.create());
    repos.forEach((repo, i) => {
      if (i + 1 < length) repo.write('.git/objects/info/alternates', `${repos[i + 1]!.path('.git/objects')}\n`);
    });
    const last = repos.at(-1)!;
    last.write('deep', 'deep\n');
    return { first: repos[0]!, oid: last.git('hash-object', '-w', 'deep') };
  }
  const gitHas = (repo: Repo, oid: string) => {
    try {
      repo.git('cat-file', '-e', oid);
      return true;
    } catch {
      return false;
    }
  };

  test('are followed as deep as git follows them', () => {
    for (const length of [2, 5, 6, 7, 8, 9]) {
      const { first, oid } = chain(length);
      expect(
        opened(first, (store) => store.find(oid) !== null),
        String(length),
      ).toBe(gitHas(first, oid));
    }
  });

  test('loops, and a list of a hundred thousand', () => {
    const { repo, objects } = emptyRepo();
    const other = Repo.create();
    repo.write('.git/objects/info/alternates', `${other.path('.git/objects')}\n.\n${objects}\n../objects\n`);
    other.write('.git/objects/info/alternates', `${objects}\n`);
    expect(opened(repo, (store) => store.find(oidOf(1)))).toBeNull();
    other.write('.git/objects/info/alternates', Array.from({ length: 50_000 }, (_, i) => `/n/${i}\n`).join(''));
    expect(inMs(() => expect(opened(repo, (store) => store.find(oidOf(1)))).toBeNull())).toBeLessThan(1_000);
  });

  test.runIf(process.platform !== 'win32')('a fifo, a device and a link to one list nothing, and block nobody', () => {
    for (const make of [
      (file: string) => execFileSync('mkfifo', [file]),
      (file: string) => fs.symlinkSync('/dev/zero', file),
      (file: string) => fs.mkdirSync(file),
    ]) {
      const { repo } = emptyRepo();
      make(repo.path('.git/objects/info/alternates'));
      expect(opened(repo, (store) => store.find(oidOf(1)))).toBeNull();
    }
  });

  test.runIf(process.platform !== 'win32')(
    'a pack directory that is a file, a fifo or a link to itself holds no packs',
    () => {
      for (const make of [
        (file: string) => fs.writeFileSync(file, ''),
        (file: string) => execFileSync('mkfifo', [file]),
        (file: string) => fs.symlinkSync('pack', file),
      ]) {
        const { repo, objects } = emptyRepo();
        fs.rmdirSync(path.join(objects, 'pack'));
        make(path.join(objects, 'pack'));
        expect(opened(repo, (store) => store.find(oidOf(1)))).toBeNull();
      }
    },
  );

  test('an object directory that is a link works', () => {
    const repo = Repo.withWork();
    const elsewhere = path.join(temporaryDirectory(), 'objects');
    fs.renameSync(repo.path('.git/objects'), elsewhere);
    fs.symlinkSync(elsewhere, repo.path('.git/objects'));
    const oid = repo.git('rev-parse', 'HEAD');
    opened(repo, (store) => expect(store.read(oid, 'commit').length).toBeGreaterThan(0));
  });
});

describe('trees', () => {
  function tree(repo: Repo, body: Buffer): string {
    repo.write('body', body);
    return repo.git('hash-object', '-t', 'tree', '--literally', '-w', 'body');
  }
  const item = (mode: string, name: string, oid = oidOf(7)) =>
    Buffer.concat([Buffer.from(`${mode} ${name}\0`, 'latin1'), Buffer.from(oid, 'hex')]);

  test('every cut of a sound tree is refused', () => {
    const { repo } = emptyRepo();
    const body = Buffer.concat([item('100644', 'a'), item('40000', 'constructor'), item('120000', 'z')]);
    const sound = tree(repo, body);
    opened(repo, (store) => expect([...readTree(store, sound).keys()]).toEqual(['a', 'constructor', 'z']));
    for (let end = 1; end < 40; end++) {
      const oid = tree(repo, body.subarray(0, end));
      if (end === 29) continue;
      opened(repo, (store) => expect(() => readTree(store, oid)).toThrow(/tree/));
    }
  });

  test('a tree that names one below it many times, ten times over, ends', () => {
    const { repo } = emptyRepo();
    repo.write('x', 'x');
    let below = tree(repo, item('100644', 'x', repo.git('hash-object', '-w', 'x')));
    for (let level = 0; level < 12; level++) {
      const names = Array.from({ length: 20 }, (_, i) => item('40000', `d${String(i).padStart(2, '0')}`, below));
      below = tree(repo, Buffer.concat(names));
    }
    const empty = tree(repo, Buffer.alloc(0));
    opened(repo, (store) => {
      const count = () => {
        let seen = 0;
        for (const _ of diffTrees(store, empty, below)) if (++seen > 10_000_000) throw new Error('endless');
      };
      expect(count).toThrow(expect.objectContaining({ name: 'AtomicSnapshotError' }));
    });
  }, 120_000);
});

test('a take, a verify and a restore work beside every kind of rubbish in the object directory', async () => {
  const repo = Repo.withWork();
  const objects = repo.path('.git/objects');
  const ref = await AtomicSnapshot.take(repo.dir, 'before');
  plant(objects, oidOf(1), Buffer.from('rubbish'));
  plantPack(objects, [refDelta(oidOf(1)), entry(0, 5, Buffer.alloc(3))]);
  fs.writeFileSync(path.join(objects, 'pack/pack-x.idx'), 'rubbish');
  fs.writeFileSync(path.join(objects, 'pack/pack-y.pack'), 'rubbish');
  if (process.platform !== 'win32') execFileSync('mkfifo', [path.join(objects, 'pack/pack-f.idx')]);
  repo.write('a.txt', 'by the task\n');
  const after = await AtomicSnapshot.take(repo.dir, 'after');
  expect((await AtomicSnapshot.verify(repo.dir, after)).problems).toEqual([]);
  await AtomicSnapshot.restore(repo.dir, ref);
  expect(repo.read('a.txt')).toBe('staged\nand not staged\n');
});
