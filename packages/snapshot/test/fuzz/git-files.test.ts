// The parsers of git's own files: index, configuration, patterns, refs. How to add a target: see
// fuzz.ts of the test kit.
import fs from 'node:fs';
import path from 'node:path';
import { type FuzzTarget, fuzz, fuzzTimeout, Repo, temporaryDirectory } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { AtomicSnapshotError } from '../../src/base/errors.ts';
import { pathProblem } from '../../src/base/path-rules.ts';
import { parseIndex } from '../../src/git/index-file.ts';
import { isRepositoryInside } from '../../src/git/nested-repository.ts';
import { readOtherRefs } from '../../src/git/other-refs.ts';
import { isRefName } from '../../src/git/ref-name.ts';
import { readHead, symbolicChain } from '../../src/git/refs.ts';
import { environmentFrom, findRepository } from '../../src/index.ts';
import { ConversionRules } from '../../src/scan/conversion-rules.ts';
import { TreeIgnoreRules } from '../../src/scan/ignore-rules.ts';

const OID = /^[0-9a-f]{40}$/;
const isCoded = (error: unknown) => error instanceof AtomicSnapshotError;

/** Indexes as git writes them, in each of their forms; the shared part of the split one. */
function indexes(): { readonly own: Buffer[]; readonly shared: Buffer } {
  const own: Buffer[] = [];
  let shared = Buffer.alloc(0);
  for (const form of [[], ['--index-version', '4'], ['--split-index'], ['--untracked-cache']]) {
    const repo = Repo.withWork();
    if (form.length > 0) repo.git('update-index', ...form);
    if (form[0] === '--split-index') {
      repo.git('rm', '-q', '--cached', 'script.sh');
      const name = fs.readdirSync(repo.path('.git')).find((file) => file.startsWith('sharedindex.'))!;
      shared = fs.readFileSync(repo.path(`.git/${name}`));
    }
    own.push(fs.readFileSync(repo.path('.git/index')));
  }
  return { own, shared };
}

const { own, shared } = indexes();
const repo = Repo.withWork();
const sound = findRepository(repo.dir);
const headRepo = Repo.withWork();
const headFound = findRepository(headRepo.dir);
const PATHS = ['a', 'a/b', 'dir/sub/file.log', 'x'.repeat(255), 'a/'.repeat(50), '\xe9', '.gitignore', 'A B'];

/** Reads a file of a repository anew for each input. */
function fileTarget(
  name: string,
  file: string,
  parts: Pick<FuzzTarget, 'seeds' | 'tokens'>,
  read: () => void,
): FuzzTarget {
  return {
    name,
    ...parts,
    refuses: isCoded,
    run: (input) => {
      fs.writeFileSync(file, input);
      read();
    },
  };
}

const separate = temporaryDirectory();
const home = temporaryDirectory();
const environment = environmentFrom({ HOME: home, GIT_CONFIG_NOSYSTEM: '1' });

const TARGETS: readonly FuzzTarget[] = [
  {
    name: 'index',
    seeds: () => own,
    tokens: ['DIRC', 'TREE', 'REUC', 'link', 'sdir', '\0', '../', '.git/', '\xff\xff\xff\xff', '\0\0\0\0', '-1 0\n'],
    refuses: isCoded,
    run: (input) => {
      const parsed = parseIndex(input, 'index', { file: () => shared, tree: () => new Map() });
      let previous = '';
      for (const { path: name } of parsed.entries) {
        expect(pathProblem(name)).toBeNull();
        expect(previous <= name).toBe(true);
        previous = name;
      }
      expect(parsed.resolveUndo.every((oid) => OID.test(oid))).toBe(true);
    },
  },
  fileTarget(
    'config',
    path.join(home, '.gitconfig'),
    {
      seeds: () => [
        Buffer.from('[core]\n\tpager = less # x\n[remote "a\\"b"]\n\turl = "x;y" \\\n z\n[a.B] c\n'),
        Buffer.from('[include]\npath = .gitconfig\n[includeIf "gitdir:~/**/x/"]\npath = y\n'),
        Buffer.from('\ufeff[includeIf "hasconfig:remote.*.url:*"]\npath=/dev/zero\n[safe]\ndirectory=*\n'),
      ],
      tokens: [
        '[',
        ']',
        '"',
        '\\',
        '\n',
        '=',
        '#',
        ';',
        '\0',
        '[include]\npath=',
        '~root/',
        '[includeIf "onbranch:**"]\npath=',
      ],
    },
    () => {
      const { config } = findRepository(repo.dir, environment);
      for (const { key } of config.entries()) expect(key).not.toContain('\0');
    },
  ),
  {
    name: 'ignore-patterns',
    seeds: () => [
      Buffer.from('*.log\n!/a/**/b\ndir/\n[[:alpha:]a-z\\]]?\n\\#x\\ \n'),
      Buffer.from('*a*a*a*a*b\n**/**/**/x\n'),
    ],
    tokens: ['*', '**/', '/**', '[', ']', '[!', '[[:upper:]]', '\\', '\n', '\r\n', '!', '/', '?', '\0', ' '],
    refuses: isCoded,
    run: (input) => {
      for (const ignoreCase of [false, true]) {
        const rules = new TreeIgnoreRules({ global: input, info: null }, ignoreCase, () => null);
        for (const name of PATHS) expect(typeof rules.ignores(name.replace(/\/$/, ''), false)).toBe('boolean');
      }
    },
  },
  {
    name: 'attribute-patterns',
    seeds: () => [
      Buffer.from('*.bin filter=x -text\n[attr]m filter=y\n"a\\"b" m\n/a/** working-tree-encoding=UTF-16\n'),
    ],
    tokens: ['filter=', '[attr]', '"', '\\', ' ', '\t', '\n', '*', '**/', '[', '!', '\0', '#'],
    refuses: isCoded,
    run: (input) => {
      const rules = new ConversionRules(sound);
      rules.add('dir', input);
      for (const name of PATHS) expect(typeof rules.mayKeepSize(name)).toBe('boolean');
    },
  },
  fileTarget(
    'git-file',
    path.join(separate, '.git'),
    {
      seeds: () => [Buffer.from(`gitdir: ${sound.gitDir}\n`), Buffer.from('gitdir: ../x/../y/.git\r\n')],
      tokens: ['gitdir: ', '../', '/', '\0', '\r\n', '.git', '\xff', sound.gitDir],
    },
    () => {
      isRepositoryInside(separate, environment);
      expect(findRepository(separate, environment).gitDir).toBe(sound.gitDir);
    },
  ),
  fileTarget(
    'packed-refs',
    repo.path('.git/packed-refs'),
    {
      seeds: () => [Buffer.from(`# pack-refs with: peeled\n${'a'.repeat(40)} refs/heads/x\n^${'b'.repeat(40)}\n`)],
      tokens: ['refs/heads/', 'refs/tags/', '../', '\n', '^', ' ', '\0', '\xff', 'a'.repeat(40)],
    },
    () => {
      for (const [name, oid] of readOtherRefs(sound)) {
        expect(isRefName(name) || name.startsWith('stash@')).toBe(true);
        expect(oid).toMatch(OID);
      }
    },
  ),
  fileTarget(
    'head',
    headRepo.path('.git/HEAD'),
    {
      seeds: () => [Buffer.from('ref: refs/heads/main\n'), Buffer.from(`${'a'.repeat(40)}\n`)],
      tokens: ['ref:', 'refs/', '../', '.lock', '\n', ' ', '\0', '\xff', '@{'],
    },
    () => {
      const { branch, oid } = readHead(headFound);
      expect(branch === null ? OID.test(oid!) : isRefName(branch)).toBe(true);
      if (branch !== null) for (const name of symbolicChain(headFound, branch)) expect(isRefName(name)).toBe(true);
    },
  ),
];

test.each(TARGETS.map((target) => [target.name, target] as const))(
  '%s',
  async (_, target) => {
    const report = await fuzz(target, import.meta.dirname);
    expect(report.inputs).toBeGreaterThanOrEqual(200);
    // A changed `.git` file nearly always leads nowhere.
    if (target.name !== 'git-file') expect(report.sound).toBeGreaterThan(0);
  },
  fuzzTimeout(),
);
