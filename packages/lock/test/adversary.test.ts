// Files that a hostile repository, a rude command or another user planted at the lock's names.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { isRoot, NOBODY, temporaryDirectory } from '@devs/test-kit';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ownIdentity, StateLock, StateLockError } from '../src/index.ts';
import { DirectoryLockFs } from '../src/protocol/lock-fs.ts';
import { realEnvironment, removeGeneration } from '../src/protocol/protocol.ts';
import { parseRecord } from '../src/record/record.ts';

const LOCK = '.devs-state.lock';
let dir: string;
const file = (name: string) => path.join(dir, name);
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
const bare = (fields: object = {}) => ({ pid: 4_194_303, timestamp: ago(0), task_id: 'planted', ...fields });
const plant = (value: unknown, name: string = LOCK) => fs.writeFileSync(file(name), JSON.stringify(value));

/** A file that is as long as this, and takes no space. */
function gigabyte(name: string): void {
  fs.writeFileSync(file(name), '');
  fs.truncateSync(file(name), 1 << 30);
}

/** The pid of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => child.once('exit', resolve));
  return child.pid!;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (e: unknown) => e,
  );
  if (error === null) return 'nothing thrown';
  if (!(error instanceof StateLockError)) throw error;
  return error.code;
}

beforeEach(() => {
  dir = temporaryDirectory();
});
afterEach(async () => {
  vi.restoreAllMocks();
  if (fs.existsSync(dir)) await StateLock.release(dir).catch(() => {});
});

describe('what is no lock file has the lock’s name', () => {
  const PLANTED: Readonly<Record<string, () => void>> = {
    'a record of one gigabyte': () => gigabyte(LOCK),
    'a record whose task has a name of a megabyte': () => plant(bare({ task_id: 'x'.repeat(1 << 20) })),
    'old notes of a person’s': () => oldText('my precious notes\nline 2\n'),
    'another program’s JSON': () => oldText('{"lock": true}\n'),
    'a file of the future that is no record': () => {
      fs.writeFileSync(file(LOCK), 'notes');
      fs.utimesSync(file(LOCK), new Date('2100-01-01'), new Date('2100-01-01'));
    },
    'a fifo': () => execFileSync('mkfifo', [file(LOCK)]),
    'a directory': () => fs.mkdirSync(file(LOCK)),
    'a link to a device that never ends': () => fs.symlinkSync('/dev/zero', file(LOCK)),
    'a link to a file of the user’s': () => {
      fs.writeFileSync(file('notes'), 'mine');
      fs.symlinkSync('notes', file(LOCK));
    },
    'a link to nothing': () => fs.symlinkSync('nowhere', file(LOCK)),
    'a link to itself': () => fs.symlinkSync(LOCK, file(LOCK)),
    'a socket': () => {
      const listen = `require('node:net').createServer().listen(process.argv[1], () => process.exit())`;
      execFileSync(process.execPath, ['-e', `process.chdir(${JSON.stringify(dir)}); ${listen}`, LOCK]);
      // Node removes the name when it ends in good order.
      if (fs.existsSync(file(LOCK))) return;
      const script = `require('node:net').createServer().listen(${JSON.stringify(LOCK)}, () => process.kill(process.pid, 'SIGKILL'))`;
      spawnAndWait(script);
    },
  };

  function oldText(text: string): void {
    fs.writeFileSync(file(LOCK), text);
    fs.utimesSync(file(LOCK), new Date(Date.now() - 3_600_000), new Date(Date.now() - 3_600_000));
  }

  test('an empty file, which a killed process left where it created its lock in place, is taken over', async () => {
    oldText('');
    await using held = await StateLock.acquire(dir, 'x');
    held.assertHeld();
  });

  function spawnAndWait(script: string): void {
    try {
      execFileSync(process.execPath, ['-e', script], { cwd: dir, stdio: 'ignore' });
    } catch (error) {
      if ((error as { signal?: string }).signal !== 'SIGKILL') throw error;
    }
  }

  test.each(Object.keys(PLANTED))('%s: every call says so at once, and it is left alone', async (name) => {
    PLANTED[name]!();
    const before = fs.lstatSync(file(LOCK));
    const started = performance.now();
    expect(await codeOf(StateLock.acquire(dir, 'x'))).toBe('DEVS_LOCK_NOT_A_LOCK');
    expect(await codeOf(StateLock.inspect(dir))).toBe('DEVS_LOCK_NOT_A_LOCK');
    expect(await codeOf(StateLock.release(dir))).toBe('DEVS_LOCK_NOT_A_LOCK');
    expect(await codeOf(StateLock.releaseStale(dir))).toBe('DEVS_LOCK_NOT_A_LOCK');
    expect(await codeOf(StateLock.unlock(dir, 'x', { force: true }))).toBe('DEVS_LOCK_NOT_A_LOCK');
    expect(performance.now() - started).toBeLessThan(1_000);
    const { ino, size, mtimeMs } = fs.lstatSync(file(LOCK));
    expect({ ino, size, mtimeMs }).toEqual({ ino: before.ino, size: before.size, mtimeMs: before.mtimeMs });
    if (fs.existsSync(file('notes'))) expect(fs.readFileSync(file('notes'), 'utf8')).toBe('mine');
    expect(fs.readdirSync(dir).filter((other) => other.startsWith(`${LOCK}.`))).toEqual([]);
  });

  test('a hard link to a file of the user’s: only the lock’s name goes', async () => {
    fs.writeFileSync(file('notes'), JSON.stringify(bare({ timestamp: ago(600_000) })));
    fs.linkSync(file('notes'), file(LOCK));
    const before = fs.readFileSync(file('notes'), 'utf8');
    await using held = await StateLock.acquire(dir, 'x', { heartbeatMs: 20 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    held.assertHeld();
    expect(fs.readFileSync(file('notes'), 'utf8')).toBe(before);
    expect(fs.statSync(file('notes')).nlink).toBe(1);
  });
});

describe('the heartbeat', () => {
  test('never writes into the file when it has become the user’s', async () => {
    const held = await StateLock.acquire(dir, 'x', { heartbeatMs: 20 });
    // The inode stays; its name and its content are the user's now.
    fs.renameSync(file(LOCK), file('notes'));
    const text = 'a long text of the user, which nobody else may write into, whatever it was before\n'.repeat(3);
    fs.writeFileSync(file('notes'), text);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(fs.readFileSync(file('notes'), 'utf8')).toBe(text);
    expect(held.signal.aborted).toBe(true);
    await held.release();
    expect(fs.readFileSync(file('notes'), 'utf8')).toBe(text);
  });
});

describe('what lies at the names of removal rights', () => {
  const KINDS: Readonly<Record<string, (name: string) => void>> = {
    directory: (name) => fs.mkdirSync(file(name)),
    'directory with files': (name) => {
      fs.mkdirSync(file(name));
      fs.writeFileSync(file(`${name}/keep`), 'mine');
    },
    fifo: (name) => execFileSync('mkfifo', [file(name)]),
    link: (name) => fs.symlinkSync('/dev/zero', file(name)),
    'huge file': (name) => gigabyte(name),
    'record of a dead process called busy': (name) => plant({ ...ownIdentity(), ...bare(), id: 'busy' }, name),
  };

  test.each(Object.keys(KINDS))('a %s does not keep a lock from being released', async (kind) => {
    const held = await StateLock.acquire(dir, 'x');
    KINDS[kind]!(`${LOCK}.rm.${held.id}`);
    await held.release();
    expect(fs.existsSync(file(LOCK))).toBe(false);
    await using next = await StateLock.acquire(dir, 'y');
    next.assertHeld();
    if (kind === 'directory with files') {
      expect(fs.readFileSync(file(`${LOCK}.rm.${held.id}/keep`), 'utf8')).toBe('mine');
    }
  });

  test.each(Object.keys(KINDS))('a %s does not keep a dead holder’s lock from being taken over', async (kind) => {
    plant({ ...ownIdentity(), ...bare({ pid: await deadPid() }), id: 'gone' });
    KINDS[kind]!(`${LOCK}.rm.gone`);
    await using held = await StateLock.acquire(dir, 'x');
    held.assertHeld();
  });

  test('a chain of dead rights with the longest ids is followed to its end', async () => {
    const dead = { ...ownIdentity(), ...bare({ pid: await deadPid() }) };
    plant({ ...dead, id: 'gone' });
    let name = `${LOCK}.rm.gone`;
    for (let depth = 0; depth < 3; depth++) {
      const id = String(depth).repeat(64);
      plant({ ...dead, id }, name);
      name = `${name}.${id}`;
      if (name.length > 200) break;
    }
    await using held = await StateLock.acquire(dir, 'x');
    held.assertHeld();
  });

  test('a hundred thousand of them, and of temporary files, delay nothing and are removed a few at a time', async () => {
    const dead = { ...ownIdentity(), ...bare({ pid: await deadPid() }), id: 'gone' };
    plant(dead);
    for (let i = 0; i < 50_000; i++) {
      plant(bare(), `${LOCK}.rm.g${i}`);
      fs.mkdirSync(file(`${LOCK}.tmp.${i.toString(16).padStart(16, '0')}`));
    }
    const started = performance.now();
    const held = await StateLock.acquire(dir, 'x');
    await held.release();
    expect(performance.now() - started).toBeLessThan(5_000);
  }, 120_000);

  test('a file of the user’s with such a name stays', async () => {
    fs.writeFileSync(file(`${LOCK}.rm.notes`), 'mine');
    await (await StateLock.acquire(dir, 'x')).release();
    expect(fs.readFileSync(file(`${LOCK}.rm.notes`), 'utf8')).toBe('mine');
  });

  test('a directory with the name of an old temporary file does not end a takeover', async () => {
    plant({ ...ownIdentity(), ...bare({ pid: await deadPid() }), id: 'gone' });
    fs.mkdirSync(file(`${LOCK}.tmp.${'0'.repeat(16)}`));
    fs.utimesSync(file(`${LOCK}.tmp.${'0'.repeat(16)}`), 0, 0);
    await using held = await StateLock.acquire(dir, 'x');
    held.assertHeld();
  });

  test('two processes meet a planted directory: one of them removes the lock', async () => {
    plant({ ...ownIdentity(), ...bare({ pid: await deadPid() }), id: 'gone' });
    fs.mkdirSync(file(`${LOCK}.rm.gone`));
    const remove = () => removeGeneration(new DirectoryLockFs(dir), 'gone', realEnvironment(1_000));
    const outcomes = await Promise.all([remove(), remove(), remove()]);
    expect(outcomes.filter((outcome) => outcome === 'removed')).toHaveLength(1);
  });
});

describe('hostile records', () => {
  test('a field of a wrong type, an unknown one and a prototype count as absent', () => {
    const text = `{"__proto__":{"id":"a","boot_id":"b"},"constructor":1,"pid":1,"timestamp":"${ago(0)}","task_id":"t",
      "heartbeat_ms":"9","version":[1],"command":{},"hostname":7,"id":"../../x","acquired_at":null,"more":"${'x'.repeat(1_000)}"}`;
    const record = parseRecord(text)!;
    expect(Object.keys(record).sort()).toEqual(['pid', 'task_id', 'timestamp']);
    expect(Object.getPrototypeOf(record)).toBe(Object.prototype);
    expect(record.id).toBeUndefined();
  });

  test.each(['"1"', '0', '-1', '1.5', '1e999', '4294967296', '9007199254740991', 'null', '[1]'])(
    'a pid of %s makes it unreadable, and never an error of the system’s',
    async (pid) => {
      const { boot_id, pid_ns } = ownIdentity();
      const where = `"boot_id":${JSON.stringify(boot_id)},"pid_ns":${JSON.stringify(pid_ns)}`;
      fs.writeFileSync(file(LOCK), `{"pid":${pid},"timestamp":"${ago(600_000)}","task_id":"t",${where}}`);
      expect(await StateLock.inspect(dir)).toMatchObject({ state: 'unknown', lock: { task_id: '(unreadable)' } });
      fs.utimesSync(file(LOCK), 0, 0);
      await using held = await StateLock.acquire(dir, 'x');
      held.assertHeld();
    },
  );

  test('pid 1 is alive, and its lock needs force', async () => {
    const { pid: _, process_started_at: __, ...where } = ownIdentity();
    plant({ ...where, pid: 1, timestamp: ago(3_600_000), task_id: 'init', id: 'init' });
    expect(await codeOf(StateLock.acquire(dir, 'x'))).toBe('DEVS_LOCK_HELD');
    await StateLock.unlock(dir, 'init', { force: true });
    await using held = await StateLock.acquire(dir, 'x');
    held.assertHeld();
  });

  test.each(['9999-12-31T23:59:59.999Z', '+275760-09-13T00:00:00.000Z'])(
    'a record of the year %s is as old as its file',
    async (timestamp) => {
      plant(bare({ timestamp }));
      expect(await codeOf(StateLock.acquire(dir, 'x'))).toBe('DEVS_LOCK_HELD');
      fs.utimesSync(file(LOCK), new Date(Date.now() - 600_000), new Date(Date.now() - 600_000));
      await using held = await StateLock.acquire(dir, 'x');
      held.assertHeld();
    },
  );

  test('a record and a file of the future hold the lock for three beats of watching, and not for ever', async () => {
    plant(bare({ timestamp: '9999-12-31T23:59:59.999Z', heartbeat_ms: 50 }));
    const future = new Date('2100-01-01');
    fs.utimesSync(file(LOCK), future, future);
    const started = performance.now();
    await using held = await StateLock.acquire(dir, 'x');
    expect(performance.now() - started).toBeGreaterThan(140);
    held.assertHeld();
  });

  test('an unreadable record in a file of the future is taken over, too', async () => {
    fs.writeFileSync(file(LOCK), '{"pid":');
    const future = new Date('2100-01-01');
    fs.utimesSync(file(LOCK), future, future);
    await using held = await StateLock.acquire(dir, 'x', { maxAgeMs: 200 });
    held.assertHeld();
  });

  test('a negative year and a negative heartbeat are an old record', async () => {
    plant(bare({ timestamp: '-000001-01-01T00:00:00Z', heartbeat_ms: -1e300 }));
    await using held = await StateLock.acquire(dir, 'x');
    held.assertHeld();
  });

  test('a task and a command of any length make a record that its readers accept', async () => {
    const long = '\u0001'.repeat(1 << 20);
    await using held = await StateLock.acquire(dir, long, { command: long });
    const status = await StateLock.inspect(dir);
    expect(status).toMatchObject({ state: 'held', lock: { id: held.id } });
    expect(fs.statSync(file(LOCK)).size).toBeLessThan(64 * 1024);
  });
});

describe('directories in which no lock can be', () => {
  test.each(['missing', 'file/below', 'loop', 'x'.repeat(5_000)])('%s', async (name) => {
    fs.writeFileSync(file('file'), '');
    fs.symlinkSync('loop', file('loop'));
    for (const work of [
      StateLock.acquire(file(name), 'x'),
      StateLock.inspect(file(name)),
      StateLock.release(file(name)),
    ]) {
      expect(await codeOf(work)).toBe('DEVS_LOCK_NO_DIRECTORY');
    }
  });

  test('a file', async () => {
    fs.writeFileSync(file('file'), '');
    expect(await codeOf(StateLock.acquire(file('file'), 'x'))).toBe('DEVS_LOCK_NO_DIRECTORY');
    expect(await codeOf(StateLock.inspect(file('file')))).toBe('DEVS_LOCK_NO_DIRECTORY');
  });

  test.runIf(isRoot())('one that another user may not write to, and a lock that they may not read', () => {
    const built = path.join(import.meta.dirname, '../dist/index.js');
    const attempt = (body: string) => {
      const script = `const { StateLock } = require(process.argv[1]); const dir = process.argv[2];
        (async () => { ${body} })().then(() => console.log('done'), (error) => console.log(error.code));`;
      const options = { uid: NOBODY, gid: NOBODY, cwd: '/', encoding: 'utf8' } as const;
      return execFileSync(process.execPath, ['-e', script, built, dir], options).trim();
    };
    fs.chmodSync(dir, 0o755);
    expect(attempt("await StateLock.acquire(dir, 'x')")).toBe('DEVS_LOCK_UNWRITABLE');
    fs.chmodSync(dir, 0o777);
    plant(bare());
    fs.chmodSync(file(LOCK), 0);
    expect(attempt('await StateLock.inspect(dir)')).toBe('DEVS_LOCK_UNREADABLE');
    fs.rmSync(file(LOCK));
    fs.chmodSync(dir, 0o333);
    expect(attempt("await StateLock.acquire(dir, 'x')")).toBe('DEVS_LOCK_UNREADABLE');
    fs.chmodSync(dir, 0o700);
    expect(attempt('await StateLock.inspect(dir)')).toBe('DEVS_LOCK_UNREADABLE');
  });
});
