// The parsers of objects/, on objects that the real git made. How to add a target: see fuzz.ts of the
// test kit.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { deflateSync, inflateSync } from 'node:zlib';
import { type FuzzTarget, fuzz, fuzzTimeout, mutate, Random, Repo, temporaryDirectory } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { AtomicSnapshotError } from '../../src/base/errors.ts';
import { parseCommit } from '../../src/objects/commit.ts';
import { DamagedBytes } from '../../src/objects/damaged-bytes.ts';
import { applyDelta } from '../../src/objects/delta.ts';
import { loosePath, parseLoose } from '../../src/objects/loose-object.ts';
import { hashObject } from '../../src/objects/object-id.ts';
import { ObjectStore } from '../../src/objects/object-store.ts';
import { parseEntryHeader } from '../../src/objects/pack-entry.ts';
import { PackIndex } from '../../src/objects/pack-index.ts';
import { decodeTagObjects, encodeTagObjects, parseTag } from '../../src/objects/tag-objects.ts';
import { parseTree } from '../../src/objects/trees.ts';

const OID = /^[0-9a-f]{40}$/;

/** A repository with objects of every type, some of which git stores as deltas. */
const repo = Repo.create();
const text = Array.from({ length: 60 }, (_, i) => `line ${i} of a file that changes little\n`);
for (let version = 0; version < 6; version++) {
  text[version * 7] = `changed in version ${version}\n`;
  repo.write('dir/file', text.join(''));
  repo.write(`other${version}`, `${version}`, version % 2 === 0 ? 0o755 : 0o644);
  if (version === 3) fs.symlinkSync('other1', repo.path('link'));
  repo.commitAll(`version ${version}\n\nwith a body`);
}
repo.git('tag', '-a', '-m', 'annotated', 'v1');
const oids = repo.git('rev-list', '--objects', '--no-object-names', '--all').split('\n');
const looseFiles = oids.map((oid) => fs.readFileSync(loosePath(repo.path('.git/objects'), oid)));
const bodies = (type: string) =>
  looseFiles
    .map((bytes) => inflateSync(bytes))
    .filter((bytes) => bytes.toString('latin1').startsWith(`${type} `))
    .map((bytes) => bytes.subarray(bytes.indexOf(0) + 1));

/** A pack of all objects, made by the real git with these options, and its index. */
function packed(options: readonly string[], indexOptions: readonly string[] = []): { pack: Buffer; idx: Buffer } {
  const base = path.join(temporaryDirectory(), 'pack');
  const hash = repo.git('pack-objects', '-q', '--all', ...options, base);
  repo.git('index-pack', ...indexOptions, `${base}-${hash}.pack`, '-o', `${base}.idx`);
  return { pack: fs.readFileSync(`${base}-${hash}.pack`), idx: fs.readFileSync(`${base}.idx`) };
}

const isDamage = (error: unknown) => error instanceof DamagedBytes;
const isCoded = (error: unknown) => error instanceof AtomicSnapshotError;

/** Reads every object that a sound index names out of a changed pack. */
function packTarget(name: string, options: readonly string[]): FuzzTarget {
  const { pack, idx } = packed(options);
  const common = temporaryDirectory();
  // Every third object: a tree, a commit or a blob of each version.
  const some = oids.filter((_, i) => i % 3 === 0);
  fs.mkdirSync(path.join(common, 'objects/pack'), { recursive: true });
  fs.writeFileSync(path.join(common, 'objects/pack/pack-1.idx'), idx);
  return {
    name,
    seeds: () => [pack],
    refuses: isCoded,
    run: (input) => {
      fs.writeFileSync(path.join(common, 'objects/pack/pack-1.pack'), input);
      using store = new ObjectStore(common);
      let refusal: unknown;
      for (const oid of some) {
        store.typeOf(oid);
        store.sizeOf(Buffer.from(oid, 'hex'));
        try {
          const raw = store.find(oid);
          if (raw !== null) expect(hashObject(raw.type, raw.body)).toBe(oid);
        } catch (error) {
          if (!isCoded(error)) throw error;
          refusal = error;
        }
      }
      if (refusal !== undefined) throw refusal;
    },
  };
}

const base = Buffer.from(text.join(''));

const TARGETS: readonly FuzzTarget[] = [
  {
    name: 'loose-object',
    seeds: () => looseFiles.map((bytes) => inflateSync(bytes)),
    encode: (plain) => deflateSync(plain),
    tokens: ['blob ', 'tree ', 'commit ', 'tag ', '\0', '-1', '4294967296'],
    refuses: isDamage,
    run: (input) => {
      const { type, body } = parseLoose(input);
      expect(inflateSync(input).toString('latin1').startsWith(`${type} ${body.length}\0`)).toBe(true);
    },
  },
  packTarget('pack', ['--delta-base-offset']),
  packTarget('pack-ref-delta', []),
  {
    name: 'pack-index',
    seeds: () => [packed([]).idx, packed([], ['--index-version=1']).idx, packed([], ['--index-version=2,0x40']).idx],
    refuses: isDamage,
    run: (input) => {
      const index = new PackIndex('x.pack', { fd: null, whole: input, size: input.length });
      for (const oid of [...oids, '00'.repeat(20), 'ff'.repeat(20)]) {
        const offset = index.find(Buffer.from(oid, 'hex'));
        expect(offset === null || (Number.isInteger(offset) && offset >= 0)).toBe(true);
      }
    },
  },
  {
    name: 'pack-entry',
    seeds: () => [0, 1, 2, 3].map((i) => packed(['--delta-base-offset']).pack.subarray(12 + i * 200, 60 + i * 200)),
    refuses: isDamage,
    run: (input) => {
      const { size, length, base } = parseEntryHeader(input);
      expect(Number.isSafeInteger(size) && size >= 0 && length <= input.length).toBe(true);
      expect(base === null || (typeof base === 'number' ? base > 0 : OID.test(base))).toBe(true);
    },
  },
  {
    name: 'delta',
    seeds: () => [
      Buffer.from([(base.length & 127) | 128, base.length >> 7, 15, 0x90 | 1, 7, 10, 5, ...Buffer.from('hello')]),
    ],
    refuses: isDamage,
    run: (input) => {
      let announced = -1;
      const out = applyDelta(base, input, (size) => {
        if (size > 1 << 20) throw new DamagedBytes('too large');
        announced = size;
      });
      expect(out.length).toBe(announced);
    },
  },
  {
    name: 'tree',
    seeds: () => bodies('tree'),
    tokens: ['40000 a\0', '100644 b\0', '.git', '..', '/', '\0', '160000 ', '120000 ', 'git~1', '.g\u200cit'],
    refuses: isCoded,
    run: (input) => {
      for (const [name, { mode, oid }] of parseTree('0'.repeat(40), input)) {
        expect(name !== '' && !/[/\0]/.test(name) && !/^\.(\.|git)?$/i.test(name)).toBe(true);
        expect(OID.test(oid) && Number.isInteger(mode)).toBe(true);
      }
    },
  },
  {
    name: 'commit',
    seeds: () => bodies('commit'),
    tokens: ['tree ', 'parent ', 'author ', 'committer ', '\n\n', 'gpgsig ', 'a'.repeat(40), '> 99999999999999 +0000'],
    refuses: () => false,
    run: (input) => {
      const commit = parseCommit(input);
      if (commit === null) return;
      const { tree, parents, time } = commit;
      const header = [`tree ${tree}\n`, ...parents.map((parent) => `parent ${parent}\n`)].join('');
      expect(input.toString('latin1').startsWith(header)).toBe(true);
      expect(OID.test(tree) && parents.every((parent) => OID.test(parent))).toBe(true);
      expect(new Date(time * 1_000).toISOString()).toMatch(/Z$/);
    },
  },
  {
    name: 'tag',
    seeds: () => bodies('tag'),
    tokens: ['object ', 'type ', 'commit', 'tag', 'a'.repeat(40)],
    refuses: () => false,
    run: (input) => {
      const tag = parseTag(input);
      if (tag !== null)
        expect(input.toString('latin1').startsWith(`object ${tag.object}\ntype ${tag.type}\n`)).toBe(true);
    },
  },
  {
    name: 'tag-objects',
    seeds: () => [encodeTagObjects(new Map(bodies('tag').map((body) => [hashObject('tag', body), body])))],
    tokens: ['a'.repeat(40), ' 999999999\n', '\n'],
    refuses: () => false,
    run: (input) => {
      for (const [oid, body] of decodeTagObjects(input)) expect(hashObject('tag', body)).toBe(oid);
    },
  },
];

test.each(TARGETS.map((target) => [target.name, target] as const))(
  '%s',
  async (_, target) => {
    const report = await fuzz(target, import.meta.dirname);
    expect(report.inputs).toBeGreaterThanOrEqual(200);
    expect(report.sound).toBeGreaterThan(0);
  },
  fuzzTimeout(),
);

test('git fsck --strict finds no fault with the names of a tree that is accepted', () => {
  const random = new Random(Number(process.env.DEVS_FUZZ_SEED ?? 1));
  const judge = Repo.create();
  const tokens = ['.git', '..', '/', 'git~1', '.g\u200cit', '.GIT', 'a', '\0', '.git ', '100644 a\0', '40000 '];
  const corpus = bodies('tree');
  const accepted = new Set<string>();
  const refused = new Set<string>();
  for (let i = 0; i < 400; i++) {
    const body = mutate(random.pick(corpus), { random, corpus, tokens });
    judge.write('body', body);
    const oid = judge.git('hash-object', '-t', 'tree', '--literally', '-w', 'body');
    try {
      parseTree(oid, body);
      accepted.add(oid);
    } catch (error) {
      if (!isCoded(error)) throw error;
      refused.add(oid);
    }
  }
  const fsck = ['fsck', '--strict', '--no-dangling', '--no-progress'];
  const { stderr } = spawnSync('git', fsck, { cwd: judge.dir, encoding: 'utf8' });
  // Its order and the age of its modes are for git to complain of: both are read without harm.
  const harmless = /treeNotSorted|zeroPaddedFilemode|badFilemode|nullSha1|missing|broken link/;
  const faults = stderr.split('\n').filter((line) => /tree [0-9a-f]{40}/.test(line) && !harmless.test(line));
  const faulty = new Set(faults.map((line) => /tree ([0-9a-f]{40})/.exec(line)![1]!));
  expect([...accepted].filter((oid) => faulty.has(oid))).toEqual([]);
  expect(accepted.size).toBeGreaterThan(10);
  expect(refused.size).toBeGreaterThan(100);
  expect(faulty.size).toBeGreaterThan(10);
}, 120_000);
