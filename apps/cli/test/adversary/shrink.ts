import type { Case } from './case.ts';
import { play, type Verdict } from './oracle.ts';
import type { Finding } from './player.ts';
import type { Sandbox } from './sandbox.ts';

/** States to try in place of the one that fails, simplest first. */
const SIMPLER = ['clean', 'work in progress'];

export interface Shrunk extends Verdict {
  readonly theCase: Case;
  readonly finding: Finding;
}

/** The smallest case found that fails in the same way. */
export async function shrink(
  sandbox: Sandbox,
  failing: Case,
  verdict: Verdict & { finding: Finding },
): Promise<Shrunk> {
  let best: Shrunk = { ...verdict, theCase: failing };
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const candidate of smaller(best.theCase)) {
      const { finding, script } = await play(sandbox, candidate);
      if (finding?.signature !== best.finding.signature) continue;
      best = { finding, script, theCase: candidate };
      isSmaller = true;
      break;
    }
  }
  return best;
}

function* smaller(theCase: Case): Generator<Case> {
  const { task, edits, state, user } = theCase;
  for (const [i] of edits.entries()) yield { ...theCase, edits: edits.toSpliced(i, 1) };
  for (const [i] of task.entries()) if (task.length > 1) yield { ...theCase, task: task.toSpliced(i, 1) };
  if (task.length === 1 && task[0] !== 'true') yield { ...theCase, task: ['true'] };
  if (theCase.hasQueries) yield { ...theCase, hasQueries: false };
  if (theCase.killsDevs) yield { ...theCase, killsDevs: false };
  if (theCase.onFailure === 'restore') yield { ...theCase, onFailure: 'keep' };
  if (theCase.exitCode === 0) yield { ...theCase, exitCode: 3 };
  if (theCase.ending.kind !== 'restore') yield { ...theCase, ending: { kind: 'restore' } };
  const rank = SIMPLER.indexOf(state);
  for (const simple of rank === -1 ? SIMPLER : SIMPLER.slice(0, rank)) yield { ...theCase, state: simple };
  if (user === 'nobody') yield { ...theCase, user: 'self' };
}
