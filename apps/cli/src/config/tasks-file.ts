import fs from 'node:fs';
import path from 'node:path';
import { getNodeValue, type Node as JsonNode, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { CliError, EXIT_USAGE, type Hint } from '../base/errors.ts';
import { parseDuration } from '../base/units.ts';
import type { SurvivorPolicy } from '../processes/surviving-processes.ts';

/** At the top of the work tree: JSON with comments. */
export const CONFIG_FILE = 'devs.json';

/** A task by name: what it runs and how. */
export interface NamedTask {
  readonly run: string;
  readonly cwd: string;
  readonly onFailure?: 'keep' | 'restore';
  readonly onSuccess?: 'drop' | 'keep';
  /** Milliseconds. */
  readonly timeout?: number;
  readonly includeIgnored?: readonly string[];
  /** Put before PATH. */
  readonly binDirectories: readonly string[];
}

/**
 * Finds the task `name`: in `devs.json` at the top of the work tree, then among the scripts of the nearest package.json.
 * @throws CliError `DEVS_TASK_UNKNOWN`, `DEVS_CONFIG_INVALID` with line and column, `DEVS_CONFIG_UNREADABLE`.
 */
export function findTask(name: string, cwd: string, root: string): NamedTask {
  const configFile = path.join(root, CONFIG_FILE);
  const found = readConfig(configFile).tasks.get(name) ?? readScripts(cwd, root).get(name);
  if (found !== undefined) return found;
  const names = taskNames(cwd, root);
  throw new CliError('DEVS_TASK_UNKNOWN', `no task ${name} in ${configFile} or package.json`, {
    hint: suggestion(name, names),
    exitCode: EXIT_USAGE,
    data: { name, known: names },
  });
}

/** The names that `findTask` knows. @throws CliError as `findTask`. */
export function taskNames(cwd: string, root: string): string[] {
  return [...new Set([...readConfig(path.join(root, CONFIG_FILE)).tasks.keys(), ...readScripts(cwd, root).keys()])];
}

/** `orphans` of `devs.json`; see `SurvivorPolicy`. */
export function readSurvivorPolicy(root: string): SurvivorPolicy {
  return readConfig(path.join(root, CONFIG_FILE)).orphans;
}

interface Config {
  readonly tasks: ReadonlyMap<string, NamedTask>;
  readonly orphans: SurvivorPolicy;
}

function readConfig(file: string): Config {
  const tasks = new Map<string, NamedTask>();
  let orphans: SurvivorPolicy = 'refuse';
  const text = readIfThere(file);
  if (text === null) return { tasks, orphans };
  const invalid = (offset: number, what: string) => {
    const before = text.slice(0, offset).split('\n');
    const [line, column] = [before.length, before.at(-1)!.length + 1];
    return new CliError('DEVS_CONFIG_INVALID', `${file}:${line}:${column}: ${what}`, {
      exitCode: EXIT_USAGE,
      data: { path: file, line, column },
    });
  };
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  if (errors[0] !== undefined) throw invalid(errors[0].offset, printParseErrorCode(errors[0].error));
  if (tree?.type !== 'object') throw invalid(0, 'an object is expected');
  const policy = property(tree, 'orphans');
  if (policy !== undefined) orphans = oneOf('orphans', policy, ['refuse', 'warn'], invalid);
  const section = property(tree, 'tasks');
  if (section === undefined) return { tasks, orphans };
  if (section.type !== 'object') throw invalid(section.offset, '"tasks" must be an object');
  for (const entry of section.children ?? []) {
    const [key, value] = entry.children ?? [];
    if (key !== undefined && value !== undefined) tasks.set(key.value, toTask(value, path.dirname(file), invalid));
  }
  return { tasks, orphans };
}

function oneOf<T extends string>(key: string, value: JsonNode, allowed: readonly T[], invalid: Invalid): T {
  if (allowed.includes(value.value)) return value.value;
  throw invalid(value.offset, `"${key}" must be ${allowed.map((word) => `"${word}"`).join(' or ')}`);
}

type Invalid = (offset: number, what: string) => CliError;

function toTask(node: JsonNode, root: string, invalid: Invalid): NamedTask {
  const base = { cwd: root, binDirectories: [path.join(root, 'node_modules', '.bin')] };
  if (node.type === 'string') return { ...base, run: nonEmpty(node, invalid) };
  if (node.type !== 'object') throw invalid(node.offset, 'a task is a command or an object with "run"');
  const run = property(node, 'run');
  if (run?.type !== 'string') throw invalid((run ?? node).offset, '"run" must be a command');
  let task: NamedTask = { ...base, run: nonEmpty(run, invalid) };
  for (const entry of node.children ?? []) {
    const [key, value] = entry.children ?? [];
    if (key === undefined || value === undefined || key.value === 'run') continue;
    task = { ...task, ...setting(key, value, root, invalid) };
  }
  return task;
}

function setting(key: JsonNode, value: JsonNode, root: string, invalid: Invalid): Partial<NamedTask> {
  switch (key.value) {
    case 'onFailure':
      return { onFailure: oneOf(key.value, value, ['keep', 'restore'], invalid) };
    case 'onSuccess':
      return { onSuccess: oneOf(key.value, value, ['drop', 'keep'], invalid) };
    case 'timeout':
      if (value.type !== 'string') throw invalid(value.offset, '"timeout" must be a duration such as "10m"');
      return { timeout: parseDuration(value.value) };
    case 'cwd':
      if (value.type !== 'string') throw invalid(value.offset, '"cwd" must be a path');
      return { cwd: path.resolve(root, value.value) };
    case 'includeIgnored': {
      const globs: unknown = getNodeValue(value);
      if (!Array.isArray(globs) || globs.some((glob) => typeof glob !== 'string')) {
        throw invalid(value.offset, '"includeIgnored" must be a list of patterns');
      }
      return { includeIgnored: globs as string[] };
    }
    default:
      throw invalid(key.offset, `unknown setting "${key.value}"`);
  }
}

function nonEmpty(node: JsonNode, invalid: Invalid): string {
  if (node.value.trim() === '') throw invalid(node.offset, 'the command is empty');
  return node.value;
}

function property(node: JsonNode, name: string): JsonNode | undefined {
  return node.children?.find((entry) => entry.children?.[0]?.value === name)?.children?.[1];
}

function readScripts(cwd: string, root: string): Map<string, NamedTask> {
  const tasks = new Map<string, NamedTask>();
  const binDirectories: string[] = [];
  for (let dir = fs.realpathSync(cwd); ; dir = path.dirname(dir)) {
    binDirectories.push(path.join(dir, 'node_modules', '.bin'));
    const text = tasks.size === 0 ? readIfThere(path.join(dir, 'package.json')) : null;
    for (const [name, run] of Object.entries(text === null ? {} : scriptsOf(text, dir))) {
      tasks.set(name, { run, cwd: dir, binDirectories });
    }
    if (dir === root || path.dirname(dir) === dir) return tasks;
  }
}

function scriptsOf(text: string, dir: string): Record<string, string> {
  const errors: ParseError[] = [];
  const tree = parseTree(text.replace(/^\ufeff/, ''), errors);
  if (errors[0] !== undefined) {
    const file = path.join(dir, 'package.json');
    throw new CliError('DEVS_CONFIG_INVALID', `${file}: ${printParseErrorCode(errors[0].error)}`, {
      exitCode: EXIT_USAGE,
      data: { path: file },
    });
  }
  const scripts: unknown = tree === undefined ? {} : (getNodeValue(tree) as { scripts?: unknown }).scripts;
  const entries = Object.entries((scripts ?? {}) as Record<string, unknown>);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function readIfThere(file: string): string | null {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return null;
    throw new CliError('DEVS_CONFIG_UNREADABLE', `cannot read ${file}: ${code}`, {
      hint: ['ls', '-l', file],
      data: { path: file },
    });
  }
}

/** Whether `devs run` can be given the name: no shell can pass a NUL, and what begins with a dash is an option. */
export function isTypeable(name: string): boolean {
  return name !== '' && !name.startsWith('-') && !name.includes('\0');
}

function suggestion(name: string, known: readonly string[]): Hint {
  const typeable = known.filter(isTypeable);
  return typeable.length === 0 ? ['devs', 'init'] : ['devs', 'run', closest(name, typeable)];
}

/** The known name that shares most with what was typed. */
function closest(name: string, known: readonly string[]): string {
  const pairs = (text: string) => new Set([...text].map((_, i) => text.slice(i, i + 2)));
  const wanted = pairs(name);
  const score = (other: string) =>
    [...pairs(other)].filter((pair) => wanted.has(pair)).length / (other.length + name.length);
  return known.toSorted((a, b) => score(b) - score(a))[0]!;
}
