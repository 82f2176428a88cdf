import { ADDED_ONCE, SPECIAL, STATUS_OF_OTHERS, TRACES } from './exclusions.ts';
import type { Observation } from './observe.ts';

export interface Difference {
  readonly key: string;
  readonly expected: string;
  readonly actual: string;
}

const ABSENT = 'absent';

function thingAt({ things }: Observation, key: string): string {
  return things.get(key) ?? ABSENT;
}

function difference(key: string, expected: string, actual: string): Difference[] {
  return expected === actual ? [] : [{ key, expected, actual }];
}

/** Nothing at all is different, devs' own files apart. */
export function changes(before: Observation, after: Observation): Difference[] {
  const keys = new Set([...before.things.keys(), ...after.things.keys()]);
  return [...keys]
    .filter((key) => !ADDED_ONCE.test(key))
    .flatMap((key) => difference(key, thingAt(before, key), thingAt(after, key)));
}

/** After a restore and its undo: all of `before` is there; special files alone may have been in the way. */
export function lost(before: Observation, after: Observation): Difference[] {
  return changes(before, after).filter(({ key, expected, actual }) => {
    // What git status says may rest on a stat, and a file that was written again has another.
    if (key.startsWith('x:') || key === 'status') return false;
    return expected !== SPECIAL && actual !== SPECIAL;
  });
}

export interface Scope {
  /** Only this path, and no state of git's. */
  readonly path?: string;
  /** No state of git's. */
  readonly filesOnly?: boolean;
  /** False: git status rests on the stat of files whose bytes would say otherwise; a file that was written has another stat. */
  readonly saysStatus?: boolean;
}

interface Restored {
  /** Before the run. */
  readonly original: Observation;
  /** As the run left it; null where that is not known, or was to be overwritten. */
  readonly left: Observation | null;
  /** Before the restore. */
  readonly before: Observation;
  readonly after: Observation;
}

/**
 * What a restore that succeeded did wrong. What nobody touched since the run is as it was before the run; what was
 * changed since is as it was before the restore.
 */
export function restoredWrongly(states: Restored, scope: Scope = {}): Difference[] {
  const { original, before, after } = states;
  const held = heldBy(original);
  const keys = new Set([...original.things.keys(), ...before.things.keys(), ...after.things.keys()]);
  const wrong: Difference[] = [];
  for (const key of keys) {
    if (key === 'status' || /^[rx]:/.test(key)) continue;
    if (!isIn(scope, key)) {
      // A directory's permissions are no business of a restore of one path, but it may come and go with its files.
      if (!isAround(scope, key)) wrong.push(...difference(key, thingAt(before, key), thingAt(after, key)));
    } else if (key.startsWith('g:') || held.has(key)) wrong.push(...broughtBackWrongly(states, key));
    else if (!original.things.has(key) && !isExcused(states, key)) wrong.push(...broughtBackWrongly(states, key));
    else wrong.push(...takenAway(states, key, held));
  }
  const isWhole = scope.path === undefined && scope.filesOnly !== true;
  // What git itself cannot read, such as packed references that the task broke, is not brought back.
  const isBroken = thingAt(before, 'status') === 'fails' && thingAt(after, 'status') === 'fails';
  const isComparable = scope.saysStatus !== false && !isBroken && configurationOf(original) === configurationOf(after);
  if (wrong.length === 0 && isWhole && isComparable)
    wrong.push(...difference('status', statusOf(original, after), statusOf(after, after)));
  return wrong;
}

function broughtBackWrongly({ original, left, before, after }: Restored, key: string): Difference[] {
  const [wanted, was, is] = [thingAt(original, key), thingAt(before, key), thingAt(after, key)];
  // An index that the user rebuilt to say what the original says is no work: it may be either, byte for byte.
  if (key === 'g:index' && before.entries === original.entries && is === wanted) return [];
  if (left === null || TRACES.test(key) || !isEdited(left, before, key)) return difference(key, wanted, is);
  return was === wanted ? difference(key, was, is) : difference(`edited since: ${key}`, was, is);
}

/** What is not promised stays as it is, but for what is in the way of something that is. */
function takenAway({ original, before, after }: Restored, key: string, held: ReadonlySet<string>): Difference[] {
  const path = key.slice(2);
  if (!isOutside(original, path) && !isOutside(before, path) && !isOutside(after, path)) return [];
  const [wanted, was, is] = [thingAt(original, key), thingAt(before, key), thingAt(after, key)];
  if (is === was || is === wanted || was === SPECIAL || was.startsWith('directory') || was === ABSENT) return [];
  const isInTheWay = [...parentsOf(path)].some((dir) => held.has(`p:${dir}`) && !isDirectory(original, dir));
  return isInTheWay ? [] : [{ key: `not promised: ${key}`, expected: was, actual: is }];
}

function isEdited(left: Observation, before: Observation, key: string): boolean {
  if (key === 'g:index') return left.entries !== before.entries;
  return thingAt(left, key) !== thingAt(before, key);
}

function isIn(scope: Scope, key: string): boolean {
  if (key.startsWith('g:')) return scope.path === undefined && scope.filesOnly !== true;
  return scope.path === undefined || key === `p:${scope.path}` || key.startsWith(`p:${scope.path}/`);
}

function isAround({ path }: Scope, key: string): boolean {
  return path?.startsWith(`${key.slice(2)}/`) === true;
}

/** Without what git does not list where a repository that the task filled stays: the restore names it. */
function statusOf(seen: Observation, { nested }: Observation): string {
  return thingAt(seen, 'status')
    .split('\n')
    .filter((line) => !STATUS_OF_OTHERS.test(line) && !(line.startsWith('? ') && isBelow(nested, line.slice(2))))
    .join('\n');
}

/** Configuration is not brought back, and git's answers depend on it. */
function configurationOf({ things }: Observation): string {
  return [...things].filter(([key]) => /^x:(common\/)?(config|info\/)/.test(key) && !ADDED_ONCE.test(key)).join('\n');
}

/** The keys of the files, links and directories that a snapshot of this state holds. */
function heldBy(original: Observation): ReadonlySet<string> {
  const held = new Set<string>(['p:.']);
  const filled = new Set<string>();
  for (const [key, value] of original.things) {
    const path = key.slice(2);
    if (!key.startsWith('p:') || value.startsWith('directory')) continue;
    const isHeld = value !== SPECIAL && (original.tracked.has(path) || !isOutside(original, path));
    if (isHeld) held.add(key);
    for (const dir of parentsOf(path)) {
      filled.add(dir);
      if (isHeld) held.add(`p:${dir}`);
    }
  }
  // Empty directories.
  for (const [key, value] of original.things) {
    const path = key.slice(2);
    if (!key.startsWith('p:') || !value.startsWith('directory') || filled.has(path) || isOutside(original, path))
      continue;
    if ([...original.things.keys()].some((other) => other.startsWith(`${key}/`))) continue;
    held.add(key);
    for (const dir of parentsOf(path)) held.add(`p:${dir}`);
  }
  return held;
}

/** Whether something that is there now, and was not then, may stay. */
function isExcused({ original, after }: Restored, key: string): boolean {
  const path = key.slice(2);
  const is = thingAt(after, key);
  const place = is.startsWith('directory') ? `${path}/` : path;
  if (is === SPECIAL || isOutside(original, place) || isOutside(after, place)) return true;
  if (!is.startsWith('directory')) return false;
  for (const [other, value] of after.things) {
    if (!other.startsWith(`${key}/`)) continue;
    if (value === SPECIAL || isOutside(original, other.slice(2)) || isOutside(after, other.slice(2))) return true;
  }
  return false;
}

function isOutside({ ignored, nested }: Observation, path: string): boolean {
  return isBelow(ignored, path) || isBelow(nested, path);
}

function isDirectory({ things }: Observation, path: string): boolean {
  return things.get(`p:${path}`)?.startsWith('directory') === true;
}

/** `path` ends with a slash where it is a directory: a rule for directories says nothing of a file of that name. */
function isBelow(paths: readonly string[], path: string): boolean {
  return paths.some((other) => other === path || (other.endsWith('/') && path.startsWith(other)));
}

function* parentsOf(path: string): Generator<string> {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) yield path.slice(0, end);
}
