import { type Case, generate } from './case.ts';
import { play } from './oracle.ts';
import type { Sandbox } from './sandbox.ts';
import { type Shrunk, shrink } from './shrink.ts';

export interface Hunt {
  readonly first: number;
  readonly count: number;
  /** With the states and commands that are known to fail. */
  readonly isOpen: boolean;
  readonly onFinding: (shrunk: Shrunk) => void;
  readonly onCase?: (theCase: Case, done: number) => void;
}

/** Plays the cases of `count` seeds, several at once; a failure that was seen before is counted, not shrunk again. */
export async function hunt(sandboxes: readonly Sandbox[], options: Hunt): Promise<ReadonlyMap<string, number>> {
  const { first, count, isOpen, onFinding, onCase = () => {} } = options;
  const seen = new Map<string, number>();
  let next = first;
  await Promise.all(
    sandboxes.map(async (sandbox) => {
      while (next < first + count) {
        const theCase = generate(next++, isOpen);
        onCase(theCase, next - first);
        const verdict = await play(sandbox, theCase);
        const { finding } = verdict;
        if (finding === null) continue;
        const times = seen.get(finding.signature) ?? 0;
        seen.set(finding.signature, times + 1);
        if (times === 0) onFinding(await shrink(sandbox, theCase, { ...verdict, finding }));
      }
    }),
  );
  return seen;
}
