import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { OWN_GIT_FILES, OWN_NAMES, PERMISSIONS, STATUS_OF_OWN } from './exclusions.ts';
import type { Sandbox } from './sandbox.ts';

/**
 * What can be seen of a repository, each thing under a key of its own:
 * `p:<path>` a file, link or directory, with its permissions; `g:<name>` what restores bring back of the git directory;
 * `r:<ref>` any other reference; `x:<name>` any other file of the git directory; `status` what git status says.
 */
export interface Observation {
  readonly things: ReadonlyMap<string, string>;
  /** Paths of the index. */
  readonly tracked: ReadonlySet<string>;
  /** Ignored paths; a slash at the end: all below, too. */
  readonly ignored: readonly string[];
  /** Directories that hold another repository. */
  readonly nested: readonly string[];
  /** The index's entries and bits, without its stat. */
  readonly entries: string;
}

/** Files that say that an operation is in progress. */
const OPERATION =
  /^(MERGE_|CHERRY_PICK_HEAD|REVERT_HEAD|REBASE_HEAD|ORIG_HEAD|SQUASH_MSG|AUTO_MERGE|BISECT_|rebase-merge\/|rebase-apply\/|sequencer\/)/;
/** References of one work tree's operation in progress. */
const OF_OPERATION = /^refs\/(bisect|rewritten)\//;

export async function observe(sandbox: Sandbox): Promise<Observation> {
  const things = new Map<string, string>();
  const nested: string[] = [];
  const { tree } = sandbox;
  const gitDirs = findGitDirectories(tree, sandbox.state.env?.GIT_DIR?.replaceAll('$W', sandbox.dir));
  if (gitDirs !== null) {
    observeGitDirectory(gitDirs.own, things, path.join(gitDirs.own, 'index'));
    if (gitDirs.common !== gitDirs.own) observeCommonDirectory(gitDirs.common, things);
  }
  for (const name of ['.gitconfig', '.config/git/ignore', '.config/git/attributes', 'rules', '../rules', '../global']) {
    const file = path.join(sandbox.dir, 'home', name);
    if (fs.existsSync(file)) things.set(`x:config/${name}`, describe(Buffer.from(file)));
  }
  walk({ root: tree, things, nested, gitDir: gitDirs?.own ?? '' }, '');
  const [status, files, refs] = await Promise.all([
    sandbox.git('status', '--porcelain=v2', '-z', '--ignored=matching', '-uall', '--no-renames'),
    sandbox.git('ls-files', '-z', '--stage', '-v', '--full-name', ':/'),
    sandbox.git('for-each-ref', '--format=%(refname) %(objectname) %(symref)'),
  ]);
  const lines = status.stdout.split('\0');
  things.set(
    'status',
    status.code === 0 ? lines.filter((line) => !line.startsWith('!') && !STATUS_OF_OWN.test(line)).join('\n') : 'fails',
  );
  for (const line of refs.stdout.split('\n')) {
    const name = line.slice(0, line.indexOf(' '));
    if (name === '' || name.startsWith('refs/devs/')) continue;
    things.set(`${OF_OPERATION.test(name) ? 'g' : 'r'}:${name}`, line.slice(name.length + 1));
  }
  const tracked = new Set(
    files.stdout
      .split('\0')
      .filter(Boolean)
      .map((line) => line.slice(line.indexOf('\t') + 1)),
  );
  const ignored = lines.filter((line) => line.startsWith('! ')).map((line) => line.slice(2));
  return { things, tracked, ignored, nested, entries: files.stdout };
}

interface GitDirectories {
  readonly own: string;
  readonly common: string;
}

function findGitDirectories(tree: string, fromEnvironment: string | undefined): GitDirectories | null {
  let own = fromEnvironment ?? path.join(tree, '.git');
  if (!fs.existsSync(own)) {
    // core.worktree: the git directory is where the case began.
    own = path.join(path.dirname(tree), 'repo/.git');
    if (!fs.existsSync(own)) return null;
  }
  if (fs.statSync(own).isFile()) {
    const target = fs
      .readFileSync(own, 'utf8')
      .replace(/^gitdir: /, '')
      .trim();
    own = path.resolve(tree, target);
    if (!fs.existsSync(own)) return null;
  }
  own = fs.realpathSync(own);
  const common = path.join(own, 'commondir');
  if (!fs.existsSync(common)) return { own, common: own };
  return { own, common: path.resolve(own, fs.readFileSync(common, 'utf8').trim()) };
}

function observeGitDirectory(gitDir: string, things: Map<string, string>, index: string): void {
  if (fs.existsSync(index)) things.set('g:index', describe(Buffer.from(index)).replace(/^\w+ \d+ /, ''));
  walkGitDirectory(gitDir, '', (name, file) => {
    if (name === 'index') return;
    const kind = name === 'HEAD' || OPERATION.test(name) ? 'g' : 'x';
    things.set(`${kind}:${name}`, describe(file).replace(/^file \d+ /, ''));
  });
}

function observeCommonDirectory(commonDir: string, things: Map<string, string>): void {
  walkGitDirectory(commonDir, '', (name, file) => {
    if (name === 'index' || name.startsWith('worktrees/')) return;
    things.set(`x:common/${name}`, describe(file).replace(/^file \d+ /, ''));
  });
}

function walkGitDirectory(gitDir: string, dir: string, visit: (name: string, file: Buffer) => void): void {
  for (const entry of namesIn(path.join(gitDir, dir))) {
    const name = dir === '' ? entry : `${dir}/${entry}`;
    if (OWN_GIT_FILES.test(name)) continue;
    const file = Buffer.from(path.join(gitDir, name), 'latin1');
    if (fs.lstatSync(file).isDirectory()) walkGitDirectory(gitDir, name, visit);
    else visit(name, file);
  }
}

interface Walk {
  readonly root: string;
  readonly things: Map<string, string>;
  readonly nested: string[];
  readonly gitDir: string;
}

function walk(context: Walk, dir: string): void {
  const { root, things, nested, gitDir } = context;
  things.set(`p:${dir === '' ? '.' : dir}`, describe(Buffer.from(path.join(root, dir), 'latin1')));
  for (const name of namesIn(path.join(root, dir))) {
    if (dir === '' && (name === '.git' || OWN_NAMES.test(name))) continue;
    const relative = dir === '' ? name : `${dir}/${name}`;
    const file = path.join(root, relative);
    if (file === gitDir) continue;
    const bytes = Buffer.from(file, 'latin1');
    if (!fs.lstatSync(bytes).isDirectory()) things.set(`p:${relative}`, describe(bytes));
    else {
      if (isRepository(file)) nested.push(`${relative}/`);
      walk(context, relative);
    }
  }
}

/** As git sees it: one that has a HEAD, or a file that leads to one. */
function isRepository(dir: string): boolean {
  const git = Buffer.from(path.join(dir, '.git'), 'latin1');
  const stat = fs.statSync(git, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  if (stat.isDirectory()) return fs.existsSync(Buffer.concat([git, Buffer.from('/HEAD')]));
  if (!stat.isFile()) return false;
  const target = fs
    .readFileSync(git, 'latin1')
    .replace(/^gitdir: /, '')
    .trim();
  return fs.existsSync(path.resolve(dir, target, 'HEAD'));
}

function namesIn(dir: string): string[] {
  try {
    return fs.readdirSync(Buffer.from(dir, 'latin1'), { encoding: 'latin1' }).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    return [];
  }
}

function describe(file: Buffer): string {
  const stat = fs.lstatSync(file);
  const mode = (stat.mode & PERMISSIONS).toString(8);
  if (stat.isSymbolicLink()) return `link ${fs.readlinkSync(file, { encoding: 'latin1' })}`;
  if (stat.isDirectory()) return `directory ${mode}`;
  if (!stat.isFile()) return 'special';
  if (stat.size > 1 << 25) return `file ${mode} of ${stat.size} bytes`;
  try {
    return `file ${mode} ${createHash('sha1').update(fs.readFileSync(file)).digest('hex')}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    return `file ${mode}, unreadable`;
  }
}
