import { toText } from '../base/byte-path.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { findInTree } from '../objects/trees.ts';
import type { LoadedSnapshot } from '../snapshot/load-snapshot.ts';
import { readStateFile } from '../snapshot/state-files.ts';
import { decodeSurroundings, readSurroundings, type Surroundings } from '../snapshot/surroundings.ts';
import type { RestoreJob } from './restore-job.ts';

/** Something that changed since the snapshot was taken, and that no restore brings back. */
export interface LeftAlone {
  readonly kind: 'configuration' | 'ignore rules' | 'work tree' | 'repository' | 'set aside';
  /**
   * The key of the configuration, the file of the ignore rules, the directory of the work tree, the
   * path of the repository, or where that lay which the restore moved to `now` because no snapshot
   * can hold it.
   */
  readonly name: string;
  /** As it was, in git's words; null where it did not exist, or where it is a secret. */
  readonly before: string | null;
  readonly now: string | null;
  /** What brings it back, as words of a command; null where nothing does. */
  readonly wayBack: readonly [string, ...string[]] | null;
}

/** What changed around the repository since `target` was taken, compared with the present. */
export function leftAloneSince({ repo, store, target, plan }: RestoreJob, now: LoadedSnapshot): LeftAlone[] {
  const bytes = readStateFile(store, target, 'surroundings.json');
  const before = bytes === null ? null : decodeSurroundings(bytes);
  // A snapshot of an older version does not say.
  if (before === null) return [];
  const inner = now.manifest.skipped
    .filter(({ reason }) => reason === 'nested repository' || reason === 'submodule')
    .map(({ path }) => path)
    .filter((path) => !plan.setAside.includes(`${path}/.git`));
  const present = readSurroundings(repo, inner);
  return [
    ...configChanges(before, present),
    ...ignoreChanges(store, target, now),
    ...workTreeChanges(before, present),
    ...repositoryChanges(before, present),
  ];
}

function configChanges(before: Surroundings, now: Surroundings): LeftAlone[] {
  const [then, today] = [byKey(before.config), byKey(now.config)];
  const changed: LeftAlone[] = [];
  for (const key of new Set([...then.keys(), ...today.keys()])) {
    const [a, b] = [then.get(key) ?? [], today.get(key) ?? []];
    if (JSON.stringify(a) === JSON.stringify(b)) continue;
    changed.push({
      kind: 'configuration',
      name: key,
      before: a.length === 0 ? null : a.map((value) => value ?? '').join(', '),
      now: b.length === 0 ? null : b.map((value) => value ?? '').join(', '),
      wayBack: configWayBack(key, a),
    });
  }
  return changed;
}

/** The ignore rules outside the work tree: they decide what git status shows and git add takes. */
const OUTSIDE_IGNORES = [
  ['.git/info/exclude', 'ignore/info'],
  ['core.excludesFile', 'ignore/global'],
  ['core.excludesFile', 'ignore/global.sha256'],
] as const;

function ignoreChanges(store: ObjectStore, target: LoadedSnapshot, present: LoadedSnapshot): LeftAlone[] {
  return OUTSIDE_IGNORES.flatMap(([name, entry]): LeftAlone[] => {
    const [before, now] = [target, present].map(({ stateTree }) => findInTree(store, stateTree, entry)?.oid ?? null);
    if (before === undefined || now === undefined || before === now) return [];
    const isText = before !== null && !entry.endsWith('.sha256');
    return [{ kind: 'ignore rules', name, before, now, wayBack: isText ? ['git', 'cat-file', 'blob', before] : null }];
  });
}

function configWayBack(key: string, [value, ...more]: readonly (string | null)[]): LeftAlone['wayBack'] {
  if (value === undefined) return ['git', 'config', '--local', '--unset-all', key];
  const isWhole = more.length === 0 && value !== null && !value.startsWith('sha256:');
  return isWhole ? ['git', 'config', '--local', key, value] : ['git', 'config', '--local', '--get-all', key];
}

function byKey(config: Surroundings['config']): Map<string, (string | null)[]> {
  const keys = new Map<string, (string | null)[]>();
  for (const [key, value] of config) keys.set(key, [...(keys.get(key) ?? []), value]);
  return keys;
}

/**
 * What other work trees do is their users' business, but one that is gone, or lost its commit, is
 * told of.
 */
function workTreeChanges(before: Surroundings, now: Surroundings): LeftAlone[] {
  const today = new Map(now.workTrees.map(([name, , head]) => [name, head]));
  return before.workTrees.flatMap(([name, dir, head]): LeftAlone[] => {
    const present = today.get(name) ?? null;
    const isDetached = /^[0-9a-f]{40}$/.test(head);
    if (present === head || (present !== null && !isDetached)) return [];
    const commit = isDetached ? head : head.replace(/^ref: refs\/heads\//, '');
    const wayBack: LeftAlone['wayBack'] =
      present === null
        ? ['git', 'worktree', 'add', ...(isDetached ? ['--detach'] : []), dir, commit]
        : ['git', '-C', dir, 'checkout', '--detach', commit];
    return [{ kind: 'work tree', name: dir, before: head, now: present, wayBack }];
  });
}

function repositoryChanges(before: Surroundings, now: Surroundings): LeftAlone[] {
  const [then, today] = [new Map(before.repositories), new Map(now.repositories)];
  return [...new Set([...then.keys(), ...today.keys()])].flatMap((path): LeftAlone[] => {
    const [head, present] = [then.get(path) ?? null, today.get(path) ?? null];
    if (present === head && then.has(path) === today.has(path)) return [];
    const name = toText(path);
    const wayBack: LeftAlone['wayBack'] = present === null ? null : ['git', '-C', name, 'reflog'];
    return [{ kind: 'repository', name, before: head, now: present, wayBack }];
  });
}
