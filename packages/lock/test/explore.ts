import type { Claim, CreatedFile, LockFile, LockFs } from '../src/protocol/lock-fs.ts';

/** No two files of the model hold the same text, so that it tells them apart as an inode does. */
interface ModelFile extends CreatedFile {
  readonly text: string;
}

/** A disk of one directory, every operation of which waits until the explorer lets it happen. */
class ModelFs implements LockFs {
  readonly files: Map<string, string>;
  readonly #step: () => Promise<void>;

  constructor(files: Map<string, string>, step: () => Promise<void>) {
    this.files = files;
    this.#step = step;
  }

  async create(name: string, text: string): Promise<ModelFile | null> {
    await this.#step();
    if (this.files.has(name)) return null;
    this.files.set(name, text);
    return { fd: -1, text };
  }

  async close(): Promise<void> {}

  async claim(name: string, right: string, file: CreatedFile): Promise<Claim> {
    await this.#step();
    const text = this.files.get(name);
    if (this.files.has(right)) return 'taken';
    if (text === undefined) return 'gone';
    this.files.set(right, text);
    return text === (file as ModelFile).text ? 'ours' : 'not ours';
  }

  async read(name: string): Promise<LockFile | null> {
    await this.#step();
    const text = this.files.get(name);
    return text === undefined ? null : { text, writtenAtMs: -10_000 };
  }

  async remove(name: string): Promise<void> {
    await this.#step();
    this.files.delete(name);
  }

  async list(prefix: string): Promise<readonly string[]> {
    await this.#step();
    return [...this.files.keys()].filter((name) => name.startsWith(prefix));
  }

  pathOf(name: string): string {
    return name;
  }
}

/** What a process of the model does with the disk; it may stop for good at any operation. */
export type Program = (fs: LockFs, process: number) => Promise<void>;

export interface World {
  readonly files: Map<string, string>;
  /** Processes that crashed. */
  readonly dead: ReadonlySet<number>;
}

export interface Exploration {
  readonly states: number;
  readonly schedules: number;
}

interface Choice {
  readonly process: number;
  readonly crash: boolean;
}

/**
 * Runs `programs` under every interleaving of their disk operations, with at most `crashes`
 * processes killed at any of them. Schedules are replayed from the start; a state reached before
 * (same disk, same history of each process) is not entered again. `check` sees every state,
 * `finish` those in which nobody can go on.
 */
export async function explore(options: {
  readonly programs: readonly Program[];
  readonly files: () => Map<string, string>;
  readonly crashes: number;
  /** Stops after so many states, taken at random but the same each time; default: all there are. */
  readonly maxStates?: number;
  readonly check: (world: World) => void;
  readonly finish: (world: World) => Promise<void>;
  /** Given to each replay before it starts, so that programs can reset what they share. */
  readonly reset: (world: World) => void;
}): Promise<Exploration> {
  const seen = new Set<string>();
  let schedules = 0;
  const stack: Choice[][] = [[]];
  const { maxStates = Number.POSITIVE_INFINITY } = options;
  let random = 1;
  while (stack.length > 0 && seen.size < maxStates) {
    if (maxStates !== Number.POSITIVE_INFINITY) {
      random = (random * 48_271) % 0x7fff_ffff;
      const other = random % stack.length;
      [stack[other], stack[stack.length - 1]] = [stack[stack.length - 1]!, stack[other]!];
    }
    const schedule = stack.pop()!;
    schedules++;
    const replay = await run(options, schedule);
    options.check(replay.world);
    if (seen.has(replay.state)) continue;
    seen.add(replay.state);
    if (replay.runnable.length === 0) await options.finish(replay.world);
    for (const process of replay.runnable) {
      stack.push([...schedule, { process, crash: false }]);
      if (replay.world.dead.size < options.crashes) stack.push([...schedule, { process, crash: true }]);
    }
  }
  return { states: seen.size, schedules };
}

async function run(
  { programs, files, reset }: Parameters<typeof explore>[0],
  schedule: readonly Choice[],
): Promise<{ world: World; state: string; runnable: number[] }> {
  const dead = new Set<number>();
  const world: World = { files: files(), dead };
  reset(world);
  const waiting = new Map<number, () => void>();
  const histories = programs.map(() => '');
  const failures: unknown[] = [];
  programs.forEach((program, process) => {
    const step = () => new Promise<void>((resolve) => waiting.set(process, resolve));
    const fs = new ModelFs(world.files, step);
    // What a process has seen decides what it will do: its history stands for its memory.
    const recorded = new Proxy(fs, {
      get(target, key) {
        const value = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          const result = await (value as (...a: unknown[]) => Promise<unknown>).apply(target, args);
          histories[process] += `${String(key)} ${String(args[0])} ${JSON.stringify(result)};`;
          return result;
        };
      },
    });
    program(recorded, process).catch((error: unknown) => failures.push(error));
  });
  await settle();
  for (const { process, crash } of schedule) {
    const go = waiting.get(process);
    waiting.delete(process);
    if (crash) {
      dead.add(process);
      histories[process] += 'crash;';
    } else go?.();
    await settle();
  }
  if (failures.length > 0) throw failures[0];
  const state = JSON.stringify([[...world.files].sort(), histories]);
  return { world, state, runnable: [...waiting.keys()].sort() };
}

/** Lets all promises that can resolve do so; nothing in the model waits for time. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
