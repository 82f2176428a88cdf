// Makes snapshots that devs never would, with git's plumbing, and seals them as devs does: an attack that a seal alone
// would stop is no attack on the reader behind it. A command that prepares a repository gets a genuine seal, too.
import fs from 'node:fs';
import path from 'node:path';
import { blob, fingerprint, Repo, sealLine, tree, writeObject } from '@devs/test-kit';
import { expect } from 'vitest';
import { AtomicSnapshot } from '../../src/index.ts';

export { blob, nested, type RawEntry, sealLine, tree, writeObject } from '@devs/test-kit';

/** What a snapshot consists of; a test replaces some of it. */
export interface Parts {
  readonly workTree?: string;
  readonly untrackedTree?: string;
  /** Entries of the state tree, by name; null leaves one out. */
  readonly state?: Readonly<Record<string, readonly [mode: string, oid: string] | null>>;
  /** The manifest's text, or what becomes of the genuine one. */
  readonly manifest?: string | ((genuine: Manifest) => unknown);
}

// biome-ignore lint/suspicious/noExplicitAny: what a test does to it is wrong on purpose.
export type Manifest = any;

/** A snapshot like the genuine `ref`, with some parts replaced, sealed, on a ref of its own. */
export function forge(repo: Repo, ref: string, parts: Parts, isSealed = true): string {
  const commit = (treeOid: string, parents: readonly string[], message: string) =>
    `tree ${treeOid}\n${parents.map((parent) => `parent ${parent}\n`).join('')}author a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n\n${message}`;
  const genuine = (name: string) => repo.git('rev-parse', `${ref}${name}`);
  const entries = new Map<string, readonly [string, string]>();
  for (const line of repo.git('ls-tree', `${ref}^4`).split('\n')) {
    const [, mode, oid, name] = /^(\d+) \w+ (\w+)\t(.*)$/.exec(line)!;
    entries.set(name!, [mode!, oid!]);
  }
  if (parts.manifest !== undefined) {
    const { manifest } = parts;
    const text =
      typeof manifest === 'string'
        ? manifest
        : JSON.stringify(manifest(JSON.parse(repo.git('cat-file', 'blob', `${ref}^4:manifest.json`))));
    entries.set('manifest.json', ['100644', blob(repo, text)]);
  }
  for (const [name, entry] of Object.entries(parts.state ?? {})) {
    if (entry === null) entries.delete(name);
    else entries.set(name, entry);
  }
  const state = tree(repo, ...[...entries].sort().map(([name, [mode, oid]]) => [mode, name, oid] as const));
  const untracked = parts.untrackedTree ?? genuine('^3^{tree}');
  const parents = [
    genuine('^1'),
    genuine('^2'),
    writeObject(repo, 'commit', commit(untracked, [], 'untracked\n')),
    writeObject(repo, 'commit', commit(state, [], 'state\n')),
  ];
  const body = commit(
    parts.workTree ?? genuine('^{tree}'),
    parents,
    'devs-snapshot-forged\n\nDevs-Kind: before\nDevs-Run: r1\n',
  );
  const oid = writeObject(repo, 'commit', isSealed ? body + sealLine(repo, body) : body);
  const forged = `refs/devs/snapshots/forged-${oid.slice(0, 8)}`;
  fs.writeFileSync(repo.path(`.git/${forged}`), `${oid}\n`);
  return forged;
}

/** A repository inside a directory that stands for the rest of the disk, and a genuine snapshot of it. */
export async function target(): Promise<{ readonly repo: Repo; readonly ref: string; readonly outside: string }> {
  const outside = Repo.create().dir;
  fs.writeFileSync(path.join(outside, 'secret'), 'secret', { mode: 0o600 });
  const repo = new Repo(path.join(outside, 'inside'));
  fs.mkdirSync(repo.dir);
  repo.git('init', '-q', '-b', 'main');
  repo.write('tracked.txt', 'tracked\n');
  repo.commitAll('first');
  repo.write('untracked.txt', 'untracked\n');
  const ref = await AtomicSnapshot.take(repo.dir, 'genuine');
  return { repo, ref, outside };
}

/** All that lies under `dir`, objects and safety snapshots of devs left out. */
function everythingIn(dir: string): string[] {
  const lines: string[] = [];
  const walk = (at: string) => {
    for (const entry of fs.readdirSync(path.join(dir, at), { withFileTypes: true })) {
      const name = path.join(at, entry.name);
      if (/(?:^|\/)\.git\/(?:objects|devs|refs\/devs)$/.test(name)) continue;
      const file = path.join(dir, name);
      const mode = (fs.lstatSync(file).mode & 0o7777).toString(8);
      if (entry.isDirectory()) {
        lines.push(`${name}/ ${mode}`);
        walk(name);
      } else lines.push(`${name} ${mode} ${entry.isFile() ? fs.readFileSync(file, 'latin1') : fs.readlinkSync(file)}`);
    }
  };
  walk('');
  return lines.sort();
}

/** Restoring `ref` is refused with a coded error that says `what`, in a second, and changes nothing on the whole disk. */
export async function expectRefused(
  { repo, outside }: { readonly repo: Repo; readonly outside: string },
  ref: string,
  code: string,
  what: RegExp | string = '',
): Promise<void> {
  const before = [everythingIn(outside), fingerprint(repo)];
  const refs = repo.refs('');
  const started = Date.now();
  const refusal = expect(AtomicSnapshot.restore(repo.dir, ref, { keep: true })).rejects;
  await refusal.toMatchObject({ name: 'AtomicSnapshotError', code, message: expect.stringMatching(what) });
  expect(Date.now() - started).toBeLessThan(5_000);
  expect([everythingIn(outside), fingerprint(repo)]).toEqual(before);
  expect(repo.refs('')).toEqual(refs);
  expect(AtomicSnapshot.hasPendingRestore(repo.dir)).toBe(false);
}
