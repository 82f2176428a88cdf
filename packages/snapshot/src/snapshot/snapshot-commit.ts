import { mentionedObjects } from '../git/operation-files.ts';
import { addCommit, encodeCommit, readCommit } from '../objects/commit.ts';
import { writeTreeOf } from '../objects/trees.ts';
import { composeMessage } from './commit-message.ts';
import { withSeal } from './commit-seal.ts';
import { protectedByTake } from './protected-objects.ts';
import type { TakeContext } from './take-context.ts';

export interface SnapshotTrees {
  readonly workTree: string;
  readonly indexTree: string;
  readonly untrackedTree: string;
  readonly stateTree: string;
  /** The commits that other work trees stand on without a branch. */
  readonly detached: readonly string[];
}

/** Adds the snapshot's commit and its four parents, in the shape of git's own stash. */
export function addSnapshotCommit(take: TakeContext, trees: SnapshotTrees): string {
  const { writer, store, repo, label, options } = take;
  const { head } = take.git;
  const base =
    head.oid ??
    addCommit(writer, { tree: writeTreeOf(writer, []), parents: [], message: 'devs: no commit yet\n', time: 0 });
  // The side commits carry HEAD's time, so that taking the same state again writes none of them
  // again.
  const time = head.oid === null ? 0 : readCommit(store, head.oid).time;
  const where = head.branch?.replace('refs/heads/', '') ?? '(no branch)';
  const side = (tree: string, parents: readonly string[], what: string) =>
    addCommit(writer, { tree, parents, message: `${what} on ${where}\n`, time });
  const parents = [
    base,
    side(trees.indexTree, [base], 'index'),
    side(trees.untrackedTree, [], 'untracked files'),
    side(trees.stateTree, protectedCommitsOf(take, trees.detached), 'devs state'),
  ];
  const message = composeMessage(label, repo.workTreeName, options);
  const commit = encodeCommit({ tree: trees.workTree, parents, message, time: Math.floor(Date.now() / 1000) });
  return writer.add('commit', withSeal(repo.commonDir, commit));
}

/** The commits that git must not prune while the snapshot exists: parents of its state commit. */
function protectedCommitsOf(take: TakeContext, detached: readonly string[]): string[] {
  const { git, store } = take;
  const { commits } = protectedByTake(take);
  // A parent that is no commit would break every gc of the user's.
  const named = [...mentionedObjects(git.operation), ...detached].filter((oid) => store.typeOf(oid) === 'commit');
  return [...new Set([...named, ...commits])].filter((oid) => oid !== git.head.oid);
}
