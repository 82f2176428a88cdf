import path from 'node:path';
import { CliError, EXIT_USAGE, type Hint } from '../base/errors.ts';
import { parseDuration } from '../base/units.ts';
import { assertNoDuplicates, entriesOf, type Invalid, type JsonNode, parseJsonTree, property } from './json-tree.ts';
import type { NamedTask } from './named-task.ts';
import { readScripts } from './package-scripts.ts';
import { CONFIG_FILE, readProjectFile } from './read-project-file.ts';

export type { NamedTask };

/**
 * Finds the task `name`: in `devs.json` at the top of the work tree, then among the scripts of the
 * nearest package.json.
 * @throws CliError `DEVS_TASK_UNKNOWN`, `DEVS_CONFIG_INVALID` with line and column,
 * `DEVS_CONFIG_UNREADABLE`.
 */
export function findTask(name: string, cwd: string, root: string): NamedTask {
  const configFile = path.join(root, CONFIG_FILE);
  const found = readTasks(root).get(name) ?? readScripts(cwd, root).get(name);
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
  return [...new Set([...readTasks(root).keys(), ...readScripts(cwd, root).keys()])];
}

function readTasks(root: string): ReadonlyMap<string, NamedTask> {
  const file = path.join(root, CONFIG_FILE);
  const tasks = new Map<string, NamedTask>();
  const bytes = readProjectFile(file, root);
  if (bytes === null) return tasks;
  const { top, invalid } = parseJsonTree(bytes, file);
  if (top?.type !== 'object') throw invalid(0, 'an object is expected');
  assertNoDuplicates(top, invalid);
  const record = property(top, 'recordCommand');
  if (record !== undefined && record.type !== 'boolean')
    throw invalid(record.offset, '"recordCommand" must be true or false');
  const policy = property(top, 'orphans');
  const shared = policy === undefined ? {} : { survivors: oneOf('orphans', policy, ['refuse', 'warn'], invalid) };
  const section = property(top, 'tasks');
  if (section === undefined) return tasks;
  if (section.type !== 'object') throw invalid(section.offset, '"tasks" must be an object');
  for (const [key, value] of entriesOf(section))
    tasks.set(key.value, { ...toTask(value, path.dirname(file), invalid), ...shared });
  return tasks;
}

function oneOf<T extends string>(key: string, value: JsonNode, allowed: readonly T[], invalid: Invalid): T {
  if (allowed.includes(value.value)) return value.value;
  throw invalid(value.offset, `"${key}" must be ${allowed.map((word) => `"${word}"`).join(' or ')}`);
}

function toTask(node: JsonNode, root: string, invalid: Invalid): NamedTask {
  const base = { cwd: root, binDirectories: [path.join(root, 'node_modules', '.bin')] };
  if (node.type === 'string') return { ...base, run: commandOf(node, invalid) };
  if (node.type !== 'object') throw invalid(node.offset, 'a task is a command or an object with "run"');
  const run = property(node, 'run');
  if (run?.type !== 'string') throw invalid((run ?? node).offset, '"run" must be a command');
  let task: NamedTask = { ...base, run: commandOf(run, invalid) };
  for (const [key, value] of entriesOf(node))
    if (key.value !== 'run') task = { ...task, ...setting(key, value, root, invalid) };
  return task;
}

function setting(key: JsonNode, value: JsonNode, root: string, invalid: Invalid): Partial<NamedTask> {
  switch (key.value) {
    case 'onFailure':
      return { onFailure: oneOf(key.value, value, ['keep', 'restore'], invalid) };
    case 'onSuccess':
      return { onSuccess: oneOf(key.value, value, ['drop', 'keep'], invalid) };
    case 'timeout':
      return { timeout: durationOf(value, invalid) };
    case 'cwd':
      if (value.type !== 'string' || value.value.includes('\0')) throw invalid(value.offset, '"cwd" must be a path');
      return { cwd: path.resolve(root, value.value) };
    case 'includeIgnored': {
      const globs = value.type === 'array' ? (value.children ?? []) : null;
      const isPattern = ({ type, value: glob }: JsonNode) => type === 'string' && !/[\0\n]/.test(glob);
      if (globs === null || !globs.every(isPattern))
        throw invalid(value.offset, '"includeIgnored" must be a list of patterns');
      return { includeIgnored: globs.map((glob) => glob.value as string) };
    }
    default:
      throw invalid(key.offset, `unknown setting "${key.value}"`);
  }
}

function durationOf(value: JsonNode, invalid: Invalid): number {
  const wrong = () => invalid(value.offset, '"timeout" must be a duration such as "10m"');
  if (value.type !== 'string') throw wrong();
  try {
    return parseDuration(value.value);
  } catch (error) {
    if (error instanceof CliError && error.code === 'DEVS_DURATION') throw wrong();
    throw error;
  }
}

function commandOf(node: JsonNode, invalid: Invalid): string {
  if (node.value.trim() === '') throw invalid(node.offset, 'the command is empty');
  if (node.value.includes('\0')) throw invalid(node.offset, 'a command cannot hold a NUL character');
  return node.value;
}

/**
 * Whether `devs run` can be given the name: no shell can pass a NUL, and what begins with a dash is
 * an option.
 */
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
  const scores = new Map(known.map((other) => [other, score(other)]));
  return known.toSorted((a, b) => scores.get(b)! - scores.get(a)!)[0]!;
}
