// A person who uses devs in a repository that others prepared, the disk around it, and what must hold
// whatever was prepared: nothing outside changes, no secret is copied, no program runs, and every
// command ends soon, soundly or with a coded error.
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fingerprint, Repo, sealLine, temporaryDirectory, writeObject } from '@devs/test-kit';
import { expect } from 'vitest';
import { type Ended, start } from '../../devs.ts';

/** Where nothing changes but by devs: its own files, objects and refs are judged by other means. */
const OWN_PLACE = /^inside\/\.git\/(?:objects|devs|refs\/devs|logs\/refs\/devs)(?:\/|$)/;
const TOO_LONG_MS = 20_000;
const CONTROL = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

/** A run id that devs itself could have made, newer than all others. */
export const FORGED_RUN = '20991123-115402123-9f3c2a';

export class Victim {
  /** Stands for the whole disk. */
  readonly world: string = temporaryDirectory();
  readonly home: string = path.join(this.world, 'home');
  /** Readable by the user alone, and nobody's to copy. */
  readonly secretFile: string = path.join(this.home, 'id_secret');
  readonly secret: string = `secret-${randomBytes(12).toString('hex')}`;
  readonly repo: Repo = new Repo(path.join(this.world, 'inside'));
  /** Exists when an attack ran a program. */
  readonly proof: string = path.join(this.world, 'a-program-ran');

  #genuine: string | undefined;

  constructor() {
    fs.mkdirSync(this.home);
    fs.writeFileSync(this.secretFile, `${this.secret}\n`, { mode: 0o600 });
    fs.mkdirSync(path.join(this.world, 'elsewhere'));
    fs.writeFileSync(path.join(this.world, 'elsewhere/file'), 'of the user\n');
    fs.mkdirSync(this.repo.dir);
    this.repo.git('init', '-q', '-b', 'main');
    this.repo.write('tracked.txt', 'tracked\n');
    this.repo.write('dir/file.txt', 'in a directory\n');
    this.repo.commitAll('first');
    this.repo.write('untracked.txt', 'exists nowhere else\n');
  }

  /** What an attack would have the user's machine run. */
  get payload(): string {
    return `touch ${this.proof}`;
  }

  devs(...args: string[]): Promise<Ended> {
    const child = start(this.repo.dir, args, { env: { HOME: this.home }, timeout: TOO_LONG_MS, killSignal: 'SIGKILL' });
    return child.ended;
  }

  async #takeSnapshot(): Promise<string> {
    await this.devs('snapshot', 'genuine');
    return this.repo.refs()[0]!;
  }

  /** Has the real git put objects of a snapshot that devs would not make under a seal that devs accepts. */
  async forgeSnapshot(workTree: string, untracked: string | null = null): Promise<void> {
    this.#genuine ??= await this.#takeSnapshot();
    const genuine = (name: string) => this.repo.git('rev-parse', `${this.#genuine}${name}`);
    const commit = (treeOid: string, parents: readonly string[], message: string) =>
      `tree ${treeOid}\n${parents.map((oid) => `parent ${oid}\n`).join('')}author a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n\n${message}`;
    const third = untracked ?? genuine('^3^{tree}');
    const parents = [genuine('^1'), genuine('^2'), writeObject(this.repo, 'commit', commit(third, [], 'untracked\n'))];
    const message = `devs-snapshot-forged\n\nDevs-Kind: before\nDevs-Run: ${FORGED_RUN}\nDevs-Command: true\n`;
    const body = commit(workTree, [...parents, genuine('^4')], message);
    const oid = writeObject(this.repo, 'commit', body + sealLine(this.repo, body));
    this.repo.write(`.git/refs/devs/snapshots/${FORGED_RUN}`, `${oid}\n`);
  }

  /** A commit of the tree on the branch, as a fetch would bring it, and an index of the same names. */
  checkOut(entries: readonly IndexedFile[], treeOid: string): void {
    const oid = this.repo.git('commit-tree', '-m', 'hostile', '-p', 'HEAD', treeOid);
    this.repo.git('update-ref', 'HEAD', oid);
    fs.writeFileSync(
      this.repo.path('.git/index'),
      indexOf([...entries].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))),
    );
  }

  /**
   * The user works as on any day. Nothing that is judged may have changed but the work tree, and that only
   * as the user's own task changes it, or as a restore says.
   */
  async survives(...more: readonly (readonly string[])[]): Promise<Ended[]> {
    const before = this.#everythingOutside();
    const files = this.#files();
    const all: Ended[] = [];
    const step = async (args: readonly string[]) => {
      const ended = await this.devs(...args);
      this.#judge(args, ended);
      expect([args, this.#everythingOutside()]).toEqual([args, before]);
      all.push(ended);
      return ended;
    };
    for (const args of QUERIES) await step(args);
    expect(this.#files()).toEqual(files);
    const task = 'echo the task was here >> tracked.txt; exit 3';
    const ran = await step(['run', '--id', 'of-the-user', '--', 'sh', '-c', task]);
    if (ran.code === 3) {
      const restored = await step(['restore', 'of-the-user']);
      if (restored.code === 0) expect(this.#files()).toEqual(files);
      await step(['undo']);
    } else expect(this.#files()).toEqual(files);
    for (const args of more) await step(args);
    for (const args of [['doctor', '--fix'], ['gc'], ['status']]) await step(args);
    this.assertNotCopied();
    return all;
  }

  /** As `survives`, in fewer steps: one prepared file of many. */
  async dayAt(what: string): Promise<void> {
    // What was planted is not the user's: a restore may remove it, and nothing may follow it.
    const others = () => this.#everythingOutside().filter((line) => !line.startsWith(`inside/.git/${what} `));
    const before = others();
    for (const args of [['status'], ['run', '--id', 'one', '--', 'false'], ['restore', 'one'], ['doctor', '--fix']]) {
      this.#judge([what, ...args], await this.devs(...args));
      expect([what, args, others()]).toEqual([what, args, before]);
    }
  }

  /** The command ends with a coded error, and nothing has changed, the work tree included. */
  async refuses(...args: readonly string[]): Promise<void> {
    const before = [this.#everythingOutside(), this.#files()];
    const ended = await this.devs(...args);
    this.#judge(args, ended);
    expect([args, ended.code, ended.stderr]).toEqual([args, expect.any(Number), expect.stringMatching(/DEVS_[A-Z_]+/)]);
    expect([this.#everythingOutside(), this.#files()]).toEqual(before);
  }

  #judge(args: readonly string[], { code, signal, stdout, stderr }: Ended): void {
    const said = stdout + stderr;
    expect([args, signal]).toEqual([args, null]);
    expect([args, said]).not.toEqual([args, expect.stringMatching(/DEVS_INTERNAL|\n {4}at |unexpected/)]);
    expect([args, said.includes(this.secret)]).toEqual([args, false]);
    expect([args, CONTROL.exec(said)?.[0]]).toEqual([args, undefined]);
    if (code !== 0 && code !== 1 && code !== 3) {
      expect([args, code, said]).toEqual([args, expect.any(Number), expect.stringMatching(/DEVS_[A-Z_]+/)]);
    }
  }

  #files(): string[] {
    return fs.existsSync(this.repo.path('.git/HEAD')) ? fingerprint(this.repo).filter(isOfWorkTree) : [];
  }

  /** All of the disk but the work tree, which tasks change, and what devs keeps in the git directory. */
  #everythingOutside(): string[] {
    const lines: string[] = [];
    const walk = (at: string) => {
      for (const entry of fs.readdirSync(path.join(this.world, at), { withFileTypes: true })) {
        const name = path.join(at, entry.name);
        if (isJudgedElsewhere(name)) continue;
        const file = path.join(this.world, name);
        const stat = fs.lstatSync(file);
        const mode = (stat.mode & 0o7777).toString(8);
        if (entry.isDirectory()) {
          lines.push(`${name}/ ${mode}`);
          walk(name);
        } else {
          // Git's own commands, which tasks may run, renew the times of what they read.
          const time = name.startsWith('inside/') ? '' : stat.mtimeMs;
          lines.push(`${name} ${mode} ${time} ${contentOf(file, entry)}`);
        }
      }
    };
    walk('');
    return lines.sort();
  }

  /** Objects are compressed, so git itself is asked for their content. */
  assertNotCopied(): void {
    const batch = ['cat-file', '--batch', '--batch-all-objects', '--buffer'];
    const { stdout } = spawnSync('git', batch, {
      cwd: this.repo.dir,
      maxBuffer: 1 << 29,
      env: { PATH: process.env.PATH },
    });
    expect(['objects hold the secret', stdout.includes(this.secret)]).toEqual(['objects hold the secret', false]);
    const found = spawnSync('grep', ['-rlF', this.secret, this.repo.path('.git')], { encoding: 'utf8' }).stdout;
    expect(found).toBe('');
  }
}

const QUERIES = [
  ['status'],
  ['log'],
  ['log', '--json'],
  ['doctor'],
  ['complete', '--', 'run', ''],
  ['complete', '--', 'restore', ''],
  ['gc', '--dry-run'],
];

const isOfWorkTree = (line: string) => !line.startsWith('git ') && !line.includes('.devs.db');

function isJudgedElsewhere(name: string): boolean {
  if (!name.startsWith('inside/')) return false;
  if (!name.startsWith('inside/.git')) return true;
  // The index is the work tree's, and devs adds its own names to the list of what is ignored.
  return OWN_PLACE.test(name) || /^inside\/\.git\/(?:index|info\/exclude|info|logs|logs\/HEAD)$/.test(name);
}

function contentOf(file: string, entry: fs.Dirent): string {
  if (entry.isSymbolicLink()) return `-> ${fs.readlinkSync(file)}`;
  return entry.isFile() ? createHash('sha1').update(fs.readFileSync(file)).digest('hex') : 'special';
}

export interface IndexedFile {
  readonly name: string;
  readonly oid: string;
  readonly mode?: number;
}

/** An index of version 2 that holds these names, in this order, whatever git thinks of them. */
function indexOf(files: readonly IndexedFile[]): Buffer {
  const head = Buffer.from('DIRC\0\0\0\x02\0\0\0\0', 'latin1');
  head.writeUInt32BE(files.length, 8);
  const entries = files.map(({ name, oid, mode = 0o100644 }) => {
    const bytes = Buffer.from(name);
    const entry = Buffer.alloc((62 + bytes.length + 8) & ~7);
    entry.writeUInt32BE(mode, 24);
    entry.write(oid, 40, 'hex');
    entry.writeUInt16BE(Math.min(bytes.length, 0xfff), 60);
    bytes.copy(entry, 62);
    return entry;
  });
  const bytes = Buffer.concat([head, ...entries]);
  return Buffer.concat([bytes, createHash('sha1').update(bytes).digest()]);
}
