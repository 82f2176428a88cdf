// Published faults of git and of its other implementations: a name in a tree or an index means another place
// than the work tree. Each is planted in a commit and in the index, as a clone brings it, and in a snapshot
// that has a genuine seal.
import { blob, nested, type RawEntry, tree } from '@devs/test-kit';
import { test } from 'vitest';
import { FORGED_RUN, type IndexedFile, Victim } from './victim.ts';

const FILE = '100644';

/** Plants a file of each of these names, one after the other as snapshots, and all of them as a clone. */
async function plant(names: readonly string[], isRefused = true): Promise<void> {
  const victim = new Victim();
  const { repo } = victim;
  const oid = blob(repo, `#!/bin/sh\n${victim.payload}\n`);
  const entries: RawEntry[] = [];
  const indexed: IndexedFile[] = [];
  for (const name of names) {
    const [first, ...rest] = name.startsWith('/') || name.includes('//') ? [name] : name.split('/');
    const entry: RawEntry =
      rest.length === 0
        ? ['100755', first!, oid]
        : ['40000', first!, nested(repo, rest.slice(0, -1), tree(repo, ['100755', rest.at(-1)!, oid]))];
    entries.push(entry);
    indexed.push({ name, oid, mode: 0o100755 });
    // Every other one as a file that git does not track.
    const head = repo.git('rev-parse', 'HEAD^{tree}');
    await (indexed.length % 2 === 1
      ? victim.forgeSnapshot(tree(repo, entry))
      : victim.forgeSnapshot(head, tree(repo, entry)));
    if (isRefused) await victim.refuses('restore', FORGED_RUN);
  }
  const all = [...entries, [FILE, 'tracked.txt', blob(repo, 'tracked\n')] as const];
  victim.checkOut(indexed, tree(repo, ...all));
  await victim.survives(['diff', FORGED_RUN], ['show', FORGED_RUN], ['restore', FORGED_RUN]);
}

const CASES: readonly (readonly [fault: string, names: readonly string[]])[] = [
  [
    'CVE-2014-9390, git: .GIT and the names that HFS+ takes for .git',
    ['.GIT/config', '.g\u200cit/hooks/x', '.Git\u200e/x'],
  ],
  [
    'CVE-2014-9390, git: the names that NTFS takes for .git',
    ['git~1/config', 'GIT~1/hooks/x', '.git /config', '.git.../x'],
  ],
  ['CVE-2019-1353, CVE-2020-12278, git and libgit2: a stream of NTFS', ['.git::$INDEX_ALLOCATION/config', '.git:x/y']],
  ['CVE-2018-11233, git: a path that ends inside a name of NTFS', ['git~1', '.git . . .', 'git~1:', '.git\u200c']],
  ['CVE-2019-1354, git: .git behind a backslash', ['.git\\hooks\\x', 'a\\..\\.git\\config', 'GIT~1\\x']],
  ['CVE-2021-32804, tar: an absolute path', ['/elsewhere/x', '//elsewhere/x', '/']],
  [
    'GHSA-7w47-3wg8-547c, gitoxide: dots and .git in a tree',
    ['../elsewhere/x', 'dir/../../x', '.git/hooks/post-checkout', './x'],
  ],
  ['CVE-2024-51990, jj: a path that leaves by its middle', ['a/b/../../../elsewhere/x', 'dir/./x']],
  [
    'CVE-2026-45571, go-git: .git in a directory of any depth',
    ['dir/sub/.git/config', 'dir/.GIT/hooks/x', 'dir/git~1/x'],
  ],
  ['CVE-2018-20685, scp: a name that is empty or a dot', ['.', '..', 'dir/', 'dir/.']],
];

test.each(CASES)('%s', (_, names) => plant(names), 120_000);

test(
  'CVE-2021-30483, isomorphic-git: a backslash is a character of a name here, and leads nowhere',
  () => plant(['..\\outside', 'a\\..\\..\\x'], process.platform === 'win32'),
  120_000,
);
