// Published faults of parsers: lines, numbers, counts and depths that their authors did not expect.
import fs from 'node:fs';
import { blob, tree } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { FORGED_RUN, Victim } from './victim.ts';

test('CVE-2022-23521, git: attributes of endless lines, names and counts', async () => {
  const victim = new Victim();
  const { repo } = victim;
  const many = Array.from({ length: 50_000 }, (_, i) => `a${i}`).join(' ');
  const endless = 'x'.repeat(3_000_000);
  repo.write('.gitattributes', `* ${many}\n*.txt ${endless}\n"${endless}" text\n[attr]${endless} filter=x\n`);
  repo.write('dir/.gitattributes', `${'* text eol=crlf\n'.repeat(100_000)}`);
  repo.write('.git/info/attributes', `* working-tree-encoding=${'9'.repeat(100_000)} -text=${'\\'.repeat(100_000)}\n`);
  await victim.survives();
}, 60_000);

test('CVE-2022-41903, git: placeholders of formats in everything that has a name', async () => {
  const victim = new Victim();
  const format = '%<(2147483647)%w(9223372036854775807,-1,1)%>>|(4294967296)%x00%s{toString}';
  victim.repo.git('commit', '-q', '--allow-empty', '-m', format);
  await victim.devs('run', '--', 'sh', '-c', 'exit 5', format);
  await victim.survives(['snapshot', format], ['snapshot', 'x'.repeat(100_000)], ['log', '-n', '99999999999999999999']);
}, 60_000);

test('CVE-2023-29007 and CVE-2023-25652, git: a long value that holds a section of its own', async () => {
  const victim = new Victim();
  const section = `[core]\n\tpager = ${victim.payload}\n\texcludesFile = ${victim.secretFile}\n`;
  for (const length of [1_000, 1_010, 1_018, 1_023, 1_024, 65_535, 200_000]) {
    const value = `${'x'.repeat(length)}\\n${section.replace(/\n/g, '\\n')}`;
    fs.appendFileSync(victim.repo.path('.git/config'), `[submodule "s${length}"]\n\turl = "${value}"\n`);
  }
  await victim.survives(['init'], ['doctor', '--fix']);
}, 60_000);

test('CVE-2025-48384, git: a carriage return at the end of a value and of a path', async () => {
  const victim = new Victim();
  const { repo } = victim;
  const head = repo.git('rev-parse', 'HEAD');
  const link = blob(repo, '.git/modules/sub/hooks');
  repo.write('.gitmodules', '[submodule "sub"]\n\tpath = "sub\r"\n\turl = ./x\n');
  fs.appendFileSync(
    repo.path('.git/config'),
    `[core]\n\texcludesFile = "${victim.secretFile}\r"\r\n[submodule "sub"]\r\n\tpath = "sub\r"\r\n`,
  );
  const outer = tree(repo, ['120000', 'sub', link], ['160000', 'sub\r', head]);
  await victim.forgeSnapshot(outer);
  const files = [
    { name: 'sub', oid: link, mode: 0o120000 },
    { name: 'sub\r', oid: head, mode: 0o160000 },
  ];
  victim.checkOut(files, outer);
  await victim.survives(['restore', FORGED_RUN], ['diff', FORGED_RUN]);
}, 60_000);

test('CVE-2018-11235 and CVE-2019-1387, git: names of submodules that lead elsewhere, or into each other', async () => {
  const victim = new Victim();
  const { repo } = victim;
  const head = repo.git('rev-parse', 'HEAD');
  const names = ['../../elsewhere', '../hooks', 'a', 'a/hooks', '..', '.git', '/', '-u', '$(touch ../a-program-ran)'];
  const sections = names.map(
    (name, i) => `[submodule "${name}"]\n\tpath = sub${i}\n\turl = ./x\n\tupdate = !${victim.payload}\n`,
  );
  repo.write('.gitmodules', sections.join(''));
  fs.appendFileSync(repo.path('.git/config'), sections.join(''));
  const files = names.map((_, i) => ({ name: `sub${i}`, oid: head, mode: 0o160000 }));
  const outer = tree(repo, ...files.map(({ name, oid }) => ['160000', name, oid] as const));
  await victim.forgeSnapshot(outer);
  victim.checkOut(files, outer);
  for (const [i, name] of names.entries()) {
    fs.mkdirSync(repo.path(`sub${i}`), { recursive: true });
    fs.writeFileSync(repo.path(`sub${i}/.git`), `gitdir: ../.git/modules/${name}\n`);
  }
  await victim.survives(['restore', FORGED_RUN]);
}, 60_000);

test('CVE-2016-2324, git: a path of more names than a counter holds, and the tree bomb of 2017', async () => {
  const victim = new Victim();
  const { repo } = victim;
  let bomb = tree(repo, ['100644', 'f', blob(repo, 'x')]);
  for (let level = 0; level < 12; level++)
    bomb = tree(repo, ...Array.from({ length: 10 }, (_, i) => ['40000', `d${i}`, bomb] as const));
  await victim.forgeSnapshot(bomb);
  await victim.refuses('restore', FORGED_RUN);
  victim.checkOut([], bomb);
  const long = 'x'.repeat(200_000);
  await victim.forgeSnapshot(tree(repo, ['100644', long, blob(repo, 'x')]));
  await victim.refuses('restore', FORGED_RUN);
  await victim.survives();
}, 120_000);

test('CVE-2024-24577, libgit2: an index with a name that begins with a slash, is empty, or is there twice', async () => {
  for (const names of [
    ['/'],
    ['//x'],
    [''],
    ['tracked.txt', 'tracked.txt'],
    ['tracked.txt', 'tracked.txt/x'],
    ['a\0b'],
  ]) {
    const victim = new Victim();
    const oid = victim.repo.git('rev-parse', 'HEAD:tracked.txt');
    victim.checkOut(
      names.map((name) => ({ name, oid })),
      victim.repo.git('rev-parse', 'HEAD^{tree}'),
    );
    await victim.survives();
  }
}, 120_000);

test('CVE-2024-24575, libgit2, and CVE-2018-17456, git: names of revisions that are expressions or options', async () => {
  const victim = new Victim();
  await victim.devs('run', '--id', 'r', '--', 'false');
  const names = [
    '@{-',
    '@~99999999999999999999',
    '@^^^{',
    ':/',
    '--upload-pack=touch ../a-program-ran',
    '^',
    '\u001b[31m',
    '../..',
    'refs/heads/main',
    'HEAD',
    '%',
    "'; select 1; --",
  ];
  for (const name of names)
    for (const command of ['show', 'diff', 'restore', 'drop'])
      await victim.refuses(command, '--', name).catch((error: unknown) => {
        throw new Error(`${command} ${name}`, { cause: error });
      });
  expect((await victim.devs('show', 'r')).code).toBe(0);
}, 240_000);
