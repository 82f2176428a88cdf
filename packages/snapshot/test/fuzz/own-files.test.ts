// The parsers of the files that devs itself keeps in the git directory and in snapshots. A seal stops what others
// wrote, so the inputs are changed under a seal, too. How to add a target: see fuzz.ts of the test kit.
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { type FuzzTarget, fuzz, fuzzTimeout, Repo, sealLine } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { AtomicSnapshotError } from '../../src/base/errors.ts';
import { pathProblem } from '../../src/base/path-rules.ts';
import { readIndex } from '../../src/git/index-file.ts';
import { isRefName } from '../../src/git/ref-name.ts';
import { AtomicSnapshot, findRepository } from '../../src/index.ts';
import { withAlternates } from '../../src/objects/alternates.ts';
import { hashObject } from '../../src/objects/object-id.ts';
import type { ObjectStore } from '../../src/objects/object-store.ts';
import { readJournal } from '../../src/restore/journal.ts';
import { ByteProofs } from '../../src/scan/byte-proofs.ts';
import { LargeFileCache } from '../../src/scan/large-file-cache.ts';
import { readTrailers } from '../../src/snapshot/commit-message.ts';
import { hasOwnSeal } from '../../src/snapshot/commit-seal.ts';
import { decodeManifest } from '../../src/snapshot/manifest.ts';
import { readInfo } from '../../src/snapshot/snapshot-info.ts';
import { decodeSurroundings } from '../../src/snapshot/surroundings.ts';

const OID = /^[0-9a-f]{40}$/;
const isCoded = (error: unknown) => error instanceof AtomicSnapshotError;

/** What a parser says by its answer instead of by an error. */
class Refused extends Error {}
const isRefused = (error: unknown) => error instanceof Refused;

const repo = Repo.withWork();
// Always the same, so that the seal of a finding is right when it is replayed.
const key = Buffer.alloc(32, 7);
repo.write('.git/devs/seal.key', key, 0o600);
fs.chmodSync(repo.path('.git/devs'), 0o700);
const ref = await AtomicSnapshot.take(repo.dir, 'a label', {
  kind: 'before',
  runId: 'r1',
  trailers: { Command: 'a b' },
});
const found = findRepository(repo.dir);
const index = readIndex(found.gitDir, () => new Map());
const snapshotCommit = Buffer.from(`${repo.git('cat-file', 'commit', ref)}\n`);
const mac = (bytes: Uint8Array) => createHmac('sha256', key).update(bytes).digest();

function state(name: string): Buffer {
  return Buffer.from(repo.git('cat-file', 'blob', `${ref}^4:${name}`));
}

/** As `writeSealed` writes them. */
function sealed(kind: string): (body: Buffer) => Buffer {
  return (body) => {
    const seal = mac(Buffer.concat([Buffer.from(`${kind}\0`), body])).toString('hex');
    return Buffer.concat([Buffer.from(`{"seal":"${seal}","body":`), body, Buffer.from('}\n')]);
  };
}

const PROOF_HEAD = 8 + 4 + 20;

/** The head that a file of proofs announces, and the rest, each with its seal. */
function sealedProofs(plain: Buffer): Buffer {
  const count = plain.length < 12 ? 0 : plain.readUInt32BE(8);
  const head = plain.subarray(0, PROOF_HEAD + Math.ceil(count / 8));
  const table = plain.subarray(head.length);
  return Buffer.concat([head, mac(head), table, mac(Buffer.concat([mac(head), table]))]);
}

function proofs(): Buffer {
  const none = { open: () => null, isSealed: () => false };
  const made = ByteProofs.load(none, index, index.entries);
  for (const position of index.entries.keys()) if (position % 2 === 0) made.add(position);
  const marked = made.encode(() => Buffer.alloc(32))!;
  const end = PROOF_HEAD + Math.ceil(index.entries.length / 8);
  return Buffer.concat([marked.subarray(0, end), marked.subarray(end + 32, marked.length - 32)]);
}

repo.write('large.bin', Buffer.alloc(1 << 16, 7));
const large = fs.statSync(repo.path('large.bin'));
const largeOid = repo.git('hash-object', '-w', 'large.bin');
const known = {
  oid: largeOid,
  stat: [large.size, large.mtimeMs, large.ctimeMs, large.ino],
  stored: fs.statSync(repo.path(`.git/objects/${largeOid.slice(0, 2)}/${largeOid.slice(2)}`)).size,
};

function write(name: string, bytes: Uint8Array): string {
  const file = path.join(found.gitDir, name);
  fs.writeFileSync(file, bytes);
  return file;
}

const TARGETS: readonly FuzzTarget[] = [
  {
    name: 'manifest',
    seeds: () => [state('manifest.json')],
    tokens: [
      '"__proto__"',
      'null',
      '[]',
      '{}',
      '-1',
      '"../x"',
      '"refs/heads/a"',
      '".git/x"',
      '"0755"',
      '"04755"',
      '1e999',
    ],
    refuses: isRefused,
    run: (input) => {
      const decoded = decodeManifest(input);
      if ('problem' in decoded) throw new Refused(decoded.problem);
      const { head, permissions, emptyDirectories } = decoded.manifest;
      expect(head.branch === null || isRefName(head.branch)).toBe(true);
      expect(head.oid === null || OID.test(head.oid)).toBe(true);
      for (const name of emptyDirectories) expect(pathProblem(name)).toBeNull();
      for (const [name, mode] of Object.entries(permissions.unusual)) {
        expect(pathProblem(name.replace(/\/$/, ''))).toBeNull();
        expect(mode).toMatch(/^[0-7]{1,4}$/);
      }
    },
  },
  {
    name: 'surroundings',
    seeds: () => [state('surroundings.json')],
    tokens: ['null', '[]', '{}', '[null]', '"x"', '1'],
    refuses: isRefused,
    run: (input) => {
      const decoded = decodeSurroundings(input);
      if (decoded === null) throw new Refused('none');
      for (const row of [...decoded.config, ...decoded.workTrees, ...decoded.repositories])
        for (const cell of row) expect(cell === null || typeof cell === 'string').toBe(true);
      expect(decoded.workTrees.every(([, , head]) => !head?.includes('\0') || head !== '')).toBe(true);
    },
  },
  {
    name: 'restore-journal',
    seeds: () => {
      const named = { ref, oid: 'a'.repeat(40) };
      const journal = {
        schema: 2,
        target: named,
        safety: named,
        filesOnly: false,
        paths: ['a', 'b'],
        startedAt: 'now',
      };
      return [Buffer.from(JSON.stringify(journal)), Buffer.from(JSON.stringify({ ...journal, paths: null }))];
    },
    encode: sealed('restore journal'),
    tokens: ['null', '[]', '{}', '"../x"', '".git"', '""', '"refs/heads/main"', 'true', '2'],
    refuses: (error) => isCoded(error) || isRefused(error),
    run: (input) => {
      write('devs/restore.json', input);
      const read = readJournal(found);
      if (read.state !== 'sound') throw new Refused(read.state);
      const { target, safety, filesOnly, paths } = read.journal;
      for (const { ref: name, oid } of [target, safety]) {
        expect(OID.test(oid)).toBe(true);
        expect(name === oid || (isRefName(name) && name.startsWith('refs/devs/'))).toBe(true);
      }
      expect(typeof filesOnly).toBe('boolean');
      for (const name of paths ?? []) expect(typeof name).toBe('string');
    },
  },
  {
    name: 'large-file-cache',
    seeds: () => [
      Buffer.from(
        JSON.stringify({
          schema: 2,
          files: [
            ['large.bin', known],
            ['b', known],
          ],
        }),
      ),
    ],
    encode: sealed('large files'),
    tokens: ['null', '[]', '{}', '"large.bin"', `"${largeOid}"`, String(large.size), '"../../x"', '-1'],
    refuses: isRefused,
    run: (input) => {
      write('devs/large-files.json', input);
      const oid = new LargeFileCache(found, path.join(found.commonDir, 'objects')).find('large.bin', large);
      if (oid === null) throw new Refused('not known');
      expect(oid).toBe(largeOid);
    },
  },
  {
    name: 'byte-proofs',
    seeds: () => [proofs()],
    encode: sealedProofs,
    tokens: ['DVPROOF1', '\0\0\0\0', '\xff\xff\xff\xff'],
    refuses: isRefused,
    run: (input) => {
      const file = write('devs/proven-bytes', input);
      const isSealed = (bytes: Buffer, seal: Buffer) => mac(bytes).equals(seal);
      const loaded = ByteProofs.load({ open: () => fs.openSync(file, 'r'), isSealed }, index, index.entries);
      const proven = index.entries.map((_, position) => loaded.isProven(position));
      if (!proven.includes(true)) throw new Refused('nothing is proven');
      expect(proven).toHaveLength(index.entries.length);
    },
  },
  {
    name: 'commit-message',
    seeds: () => [snapshotCommit.subarray(snapshotCommit.indexOf('\n\n') + 2)],
    tokens: ['Devs-Kind: ', 'Devs-__proto__: ', 'Devs-Seal: ', '\r', '\n', '\u2028', ': '],
    refuses: () => false,
    run: (input) => {
      const trailers = readTrailers(input.toString('utf8'));
      for (const [name, value] of Object.entries(trailers)) {
        expect(name).toMatch(/^\w+$/);
        expect(name === 'Seal' || value.includes('\n')).toBe(false);
      }
      expect(Object.getPrototypeOf(trailers)).toBe(Object.prototype);
    },
  },
  {
    name: 'snapshot-commit',
    seeds: () => [snapshotCommit.subarray(0, snapshotCommit.lastIndexOf('Devs-Seal: '))],
    encode: (plain) => Buffer.concat([plain, Buffer.from(sealLine(repo, plain.toString('latin1')), 'latin1')]),
    tokens: ['tree ', 'parent ', 'committer ', ' +0000\n', 'Devs-Kind: ', 'Devs-Seal: ', 'a'.repeat(40), '99999999999'],
    refuses: (error) => isCoded(error) || isRefused(error),
    run: (input) => {
      const oid = hashObject('commit', input);
      const store = { read: () => input } as unknown as ObjectStore;
      const info = readInfo(found, store, { ref, oid });
      expect(info.takenAt).toMatch(/^[+-]?\d+-\d\d-\d\dT.*Z$/);
      expect(info.kind !== 'foreign').toBe(hasOwnSeal(found.commonDir, input));
      if (info.kind === 'foreign') expect([info.runId, info.trailers]).toEqual([null, {}]);
    },
  },
  {
    name: 'alternates',
    seeds: () => [Buffer.from('# comment\n../other/objects\n/nowhere/at/all\n')],
    tokens: ['\n', '../', '/', '.', '#', '"', '\0', '/dev/zero', '/proc/self', repo.path('.git/objects'), '\xff'],
    refuses: isCoded,
    run: (input) => {
      write('objects/info/alternates', input);
      const dirs = withAlternates(path.join(found.commonDir, 'objects'));
      fs.rmSync(path.join(found.commonDir, 'objects/info/alternates'));
      expect(dirs.length).toBeLessThanOrEqual(1_000);
      expect(dirs.every((dir) => path.isAbsolute(dir))).toBe(true);
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
