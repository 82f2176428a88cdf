import { describe, expect, test } from 'vitest';
import { Silence } from '../src/holder/silence.ts';
import type { LockFs } from '../src/protocol/lock-fs.ts';
import {
  inspectLock,
  LOCK_FILE,
  type LockEnvironment,
  releaseOwn,
  removeGeneration,
  tryAcquire,
} from '../src/protocol/protocol.ts';
import { type LockData, parseRecord, serialize } from '../src/record/record.ts';
import { type Exploration, explore, type Program, type World } from './explore.ts';

const MAX_AGE = 1_000;
/** The process of the stale lock that all find. */
const LONG_DEAD = 99;

const record = (process: number, id: string): LockData => ({
  pid: process + 1,
  timestamp: new Date(0).toISOString(),
  task_id: `p${process}`,
  id,
});
const stale = () => new Map([[LOCK_FILE, serialize(record(LONG_DEAD, 'stale'))]]);
/** A stale lock, and the right to remove it in the hands of a process that died. */
const staleWithDeadRight = () => stale().set(`${LOCK_FILE}.rm.stale`, serialize(record(LONG_DEAD, 'deadright')));

const empty = () => new Map<string, string>();

/** Who believes to hold the lock, kept by the programs themselves. */
let holders: Set<number>;
/**
 * Generations that a forced unlock set out to remove: their holders may overlap with others, as it
 * says.
 */
let broken: Set<string>;
let world: World;

function environmentOf(process: number): LockEnvironment {
  let rights = 0;
  return {
    now: () => 0,
    judge: ({ pid }) => {
      const dead = pid - 1 === LONG_DEAD || world.dead.has(pid - 1);
      return { state: dead ? 'dead' : 'alive', evidence: '' };
    },
    removalRight: () => ({ ...record(process, `h${process}x${rights++}`), task_id: 'remove' }),
    silence: new Silence(() => 0),
    maxAgeMs: MAX_AGE,
    objection: () => null,
  };
}

/** Acquires, and releases what it acquired. */
const acquireAndRelease: Program = async (fs, process) => {
  const id = `g${process}`;
  const outcome = await tryAcquire(fs, record(process, id), environmentOf(process));
  if (!('file' in outcome)) return;
  holders.add(process);
  await fs.list('.in-critical-section');
  holders.delete(process);
  await releaseOwn(fs, id, outcome.file, environmentOf(process));
};

/** What `unlock --force` does: breaks whatever lock it finds, whoever holds it. */
const breakLock: Program = async (fs, process) => {
  const found = await inspectLock(fs, environmentOf(process));
  if (found === null) return;
  broken.add(found.generation);
  await removeGeneration(fs, found.generation, environmentOf(process));
};

async function exploreWith(
  programs: readonly Program[],
  files: () => Map<string, string>,
  crashes: number,
  { transform = (fs) => fs, ...bound }: { transform?: (fs: LockFs) => LockFs; maxStates?: number } = {},
): Promise<Exploration> {
  return explore({
    programs: programs.map(
      (program): Program =>
        (fs, process) =>
          program(transform(fs), process),
    ),
    files,
    crashes,
    ...bound,
    reset: (next) => {
      world = next;
      holders = new Set();
      broken = new Set();
    },
    check: ({ dead, files: disk }) => {
      const living = [...holders].filter((process) => !dead.has(process) && !broken.has(`g${process}`));
      if (living.length > 1) throw new Error(`two holders: ${living.join(' and ')}`);
      const found = parseRecord(disk.get(LOCK_FILE) ?? '');
      for (const process of living) {
        if (found?.pid !== process + 1) throw new Error(`the lock of ${process} was taken away from it`);
      }
    },
    // Never stuck: whatever the others left, a newcomer gets the lock, or a living process has it.
    finish: async ({ files: left, dead }) => {
      const programsDone = new Set(programs.keys());
      world = { files: left, dead: new Set([...programsDone, ...dead]) };
      const fs: LockFs = immediate(left);
      const outcome = await tryAcquire(fs, record(50, 'newcomer'), environmentOf(50));
      if (!('file' in outcome)) throw new Error(`stuck with ${[...left.keys()].join(', ')}`);
      await releaseOwn(fs, 'newcomer', outcome.file, environmentOf(50));
      if (left.size > 0) throw new Error(`left behind: ${[...left.keys()].join(', ')}`);
    },
  });
}

function immediate(files: Map<string, string>): LockFs {
  return {
    create: async (name, text) => {
      if (files.has(name)) return null;
      files.set(name, text);
      return { fd: -1 };
    },
    close: async () => {},
    claim: async () => 'unsupported',
    read: async (name) => (files.has(name) ? { text: files.get(name)!, writtenAtMs: -10_000 } : null),
    remove: async (name) => {
      files.delete(name);
    },
    list: async (prefix) => [...files.keys()].filter((name) => name.startsWith(prefix)),
    pathOf: (name) => name,
  };
}

describe('under every interleaving of the real protocol: never two holders, never stuck, nothing left behind', () => {
  test.each([
    ['two processes meet one stale lock', [acquireAndRelease, acquireAndRelease], stale, 0],
    ['two processes meet no lock', [acquireAndRelease, acquireAndRelease], empty, 0],
    ['two processes meet one stale lock, one crashes anywhere', [acquireAndRelease, acquireAndRelease], stale, 1],
    [
      'two processes meet one stale lock whose remover died',
      [acquireAndRelease, acquireAndRelease],
      staleWithDeadRight,
      1,
    ],
    [
      'one acquires while another breaks the lock it finds, one crashes anywhere',
      [acquireAndRelease, breakLock],
      stale,
      1,
    ],
    ['two break the same lock', [breakLock, breakLock], stale, 1],
    ['two acquire while a third breaks the lock it finds', [acquireAndRelease, acquireAndRelease, breakLock], empty, 0],
  ] as const)('%s', { timeout: 300_000 }, async (_, programs, files, crashes) => {
    const { states, schedules } = await exploreWith(programs, files, crashes);
    expect(schedules).toBeGreaterThan(states);
    expect(states).toBeGreaterThan(100);
  });

  // Of very many states, the first 30 000 of a random order that is always the same.
  test.each([
    ['three processes', [acquireAndRelease, acquireAndRelease, acquireAndRelease]],
    ['two, and a third that breaks the lock it finds', [acquireAndRelease, acquireAndRelease, breakLock]],
  ] as const)('%s meet one stale lock, one crashes anywhere', { timeout: 300_000 }, async (_, programs) => {
    const { states } = await exploreWith(programs, stale, 1, { maxStates: 30_000 });
    expect(states).toBe(30_000);
  });
});

/**
 * Protocols with one safeguard taken out. Each must be caught, or the exploration shows nothing.
 */
const mutations: Readonly<Record<string, (fs: LockFs) => LockFs>> = {
  'the re-read under the removal right': (fs) => {
    let last: string | null = null;
    let blind = false;
    return {
      ...methodsOf(fs),
      create: async (name, text) => {
        const created = await fs.create(name, text);
        blind = created !== null && name.startsWith(`${LOCK_FILE}.rm.`);
        return created;
      },
      read: async (name) => {
        if (name !== LOCK_FILE) return fs.read(name);
        if (blind && last !== null) return { text: last, writtenAtMs: -10_000 };
        const file = await fs.read(name);
        last = file?.text ?? null;
        return file;
      },
    };
  },
  'the removal right': (fs) => ({
    ...methodsOf(fs),
    create: async (name, text) => (await fs.create(name, text)) ?? (name === LOCK_FILE ? null : { fd: -1 }),
  }),
  'the chain: a dead right is created anew instead': (fs) => ({
    ...methodsOf(fs),
    create: async (name, text) => {
      const base = /^(\.devs-state\.lock\.rm\.[^.]+)\./.exec(name)?.[1];
      if (base === undefined) return fs.create(name, text);
      await fs.remove(base);
      return fs.create(base, text);
    },
  }),
};

function methodsOf(fs: LockFs): LockFs {
  return {
    create: (name, text) => fs.create(name, text),
    close: (file) => fs.close(file),
    claim: (name, right, file) => fs.claim(name, right, file),
    read: (name) => fs.read(name),
    remove: (name) => fs.remove(name),
    list: (prefix) => fs.list(prefix),
    pathOf: (name) => fs.pathOf(name),
  };
}

describe('the exploration catches the protocol without', () => {
  test.each([
    ['the re-read under the removal right', [acquireAndRelease, acquireAndRelease], stale],
    ['the removal right', [acquireAndRelease, acquireAndRelease], stale],
    ['the chain: a dead right is created anew instead', [acquireAndRelease, acquireAndRelease], staleWithDeadRight],
  ] as const)('%s', { timeout: 300_000 }, async (name, programs, files) => {
    await expect(exploreWith(programs, files, 0, { transform: mutations[name]! })).rejects.toThrow(
      /two holders|taken away/,
    );
    await exploreWith(programs, files, 0);
  });
});
