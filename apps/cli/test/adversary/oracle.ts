import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import type { Case } from './case.ts';
import { changes, lost, restoredWrongly, type Scope } from './compare.ts';
import { FSCK_WARNING } from './exclusions.ts';
import type { Observation } from './observe.ts';
import { Failure, type Finding, lastLines, oneAfterTheOther, Player, taskScript, withoutNames } from './player.ts';
import type { Outcome, Sandbox } from './sandbox.ts';
import { toScript } from './script.ts';
import { stateNamed } from './states/all.ts';

export interface Verdict {
  readonly finding: Finding | null;
  /** The case as a shell script, with what devs said. */
  readonly script: string;
}

/** Plays a case and judges every step of it. */
export async function play(sandbox: Sandbox, theCase: Case): Promise<Verdict> {
  const state = stateNamed(theCase.state);
  await sandbox.prepare(state, theCase.user);
  if (state.isFresh !== true) await sandbox.shell('git update-index -q --refresh >/dev/null 2>&1');
  const player = new Player(sandbox);
  let finding: Finding | null = null;
  try {
    await new Trial(player, theCase).run();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    ({ finding } = error);
  }
  return { finding, script: toScript(theCase, state, player.script, finding) };
}

/**
 * Refusals that name what no force overrides: git's own lock, and what takes the work tree away from git itself. Each
 * says so, changes nothing, and is over when the cause is removed.
 */
const WAYS_OUT = /DEVS_(GIT_LOCKED|BRANCH_CHECKED_OUT|BARE_REPOSITORY|OUTSIDE_WORK_TREE|CONFIG_INVALID|NOT_PERMITTED)/;
const WAY_OUT = `find .git -name '*.lock' -not -path '.git/devs/*' -type f -exec rm {} +
chmod -R u+rwX . 2>/dev/null
sed -i '/not a configuration/d' .git/config
git config -f .git/config core.bare false
git config -f .git/config --unset core.worktree`;

const QUERIES = [['status'], ['log'], ['diff', '@'], ['show', '@'], ['doctor']];

class Trial {
  readonly #player: Player;
  readonly #case: Case;
  #original!: Observation;
  /** As the run left it; null: it was killed, and nobody knows. */
  #left: Observation | null = null;
  /** Whether `--on-failure restore` took the run back. */
  #isRestored = false;

  constructor(player: Player, theCase: Case) {
    this.#player = player;
    this.#case = theCase;
  }

  async run(): Promise<void> {
    const player = this.#player;
    const errorsBefore = await this.#fsck();
    this.#original = await player.observe();
    if (!(await this.#runTask())) return;
    if (this.#case.hasQueries) await this.#query();
    await player.shell(this.#case.edits);
    await this.#end();
    const status = await player.devs('status');
    if (status.code !== 0 && !WAYS_OUT.test(status.stderr))
      throw new Failure('status fails afterwards', lastLines(status.stderr), refusal(status));
    await this.#assertSound(errorsBefore);
  }

  /** @returns false where devs refused to run it, as it may. */
  async #runTask(): Promise<boolean> {
    const player = this.#player;
    const { onFailure, exitCode, killsDevs } = this.#case;
    const args = ['run', ...(onFailure === 'restore' ? ['--on-failure', 'restore'] : []), '--', 'sh', '-c'];
    args.push(taskScript(this.#case));
    const outcome = await player.sandbox.devs(...args);
    if (!killsDevs || outcome.code !== null) player.judge(args, outcome);
    else player.script.push(`devs ${args.slice(0, -1).join(' ')} '...' # kills devs`);
    const now = await player.observe();
    if (!fs.existsSync(path.join(player.sandbox.dir, 'ran'))) {
      player.fail('a refused run changed something', changes(this.#original, now), lastLines(outcome.stderr));
      if (player.sandbox.state.mayRefuse !== undefined) return false;
      throw new Failure('the run is refused', lastLines(outcome.stderr), refusal(outcome));
    }
    if (killsDevs) return true;
    this.#left = now;
    const isRefused =
      outcome.code === 125 && onFailure === 'restore' && exitCode !== 0 && WAYS_OUT.test(outcome.stderr);
    if (outcome.code !== exitCode && !isRefused) {
      throw new Failure(
        `exit code ${outcome.code} of a task that ends with ${exitCode}`,
        lastLines(outcome.stderr),
        refusal(outcome),
      );
    }
    this.#isRestored = exitCode !== 0 && onFailure === 'restore' && !isRefused;
    if (!this.#isRestored) return true;
    this.#assertRestored({ before: now, after: now }, "--on-failure restore left the task's work", null);
    return true;
  }

  async #query(): Promise<void> {
    const before = await this.#player.observe();
    for (const query of QUERIES) {
      const outcome = await this.#player.devs(...query);
      const { code, stderr } = outcome;
      // What was dropped or restored has nothing to show.
      if (code !== 0 && code !== 1 && !isAboutNothing(outcome) && !WAYS_OUT.test(stderr))
        throw new Failure(
          'a query fails',
          [query.join(' '), stderr],
          `${query[0]} ${withoutNames(lastLines(stderr)[0] ?? '')}`,
        );
    }
    this.#player.fail('a query writes', changes(before, await this.#player.observe()));
  }

  async #end(): Promise<void> {
    const { ending, exitCode, killsDevs } = this.#case;
    if (this.#isRestored) return this.#undoTwice();
    if (ending.kind === 'kill') return this.#killAndRecover(ending.afterMs);
    // A run that succeeded dropped its snapshot: only undo knows what it did.
    if (ending.kind === 'undo' || (exitCode === 0 && !killsDevs)) return this.#takeBack(['undo'], {});
    if (ending.kind === 'path') return this.#takeBack(['restore', '@', ending.path], { path: ending.path });
    if (ending.kind === 'files only') return this.#takeBack(['restore', '@', '--files-only'], { filesOnly: true });
    return this.#takeBack(['restore', '@'], {});
  }

  /** Restores; where devs refuses, with force; then undoes that. */
  async #takeBack(args: readonly string[], scope: Scope): Promise<void> {
    const player = this.#player;
    const before = await player.observe();
    const outcome = await player.devs(...args);
    let after = await player.observe();
    const isSuccess = this.#case.exitCode === 0 && !this.#case.killsDevs;
    let said = outcome.stderr;
    if (outcome.code !== 0) {
      player.fail('a refusal changed something', changes(before, after), lastLines(outcome.stderr));
      if (isSuccess || isAboutNothing(outcome)) return;
      const forced = await this.#force(args);
      said = forced.stderr;
      if (forced.code !== 0) throw new Failure('refused with --force', lastLines(forced.stderr), refusal(forced));
      after = await player.observe();
      this.#assertRestored({ before, after }, 'restore --force is not exact', null, scope);
    } else this.#assertRestored({ before, after }, `${args[0]} is not exact`, this.#left, scope);
    // A present that cannot be captured is left for good, and devs has said so.
    if (changes(before, after).length === 0 || said.includes('not in the safety snapshot')) return;
    const undone = await this.#undo();
    const last = await player.observe();
    if (undone.code !== 0) throw new Failure('undo of a restore is refused', lastLines(undone.stderr), refusal(undone));
    player.fail('restore, then undo, is not the identity', lost(before, last));
    if (args[0] === 'restore' && scope.path === undefined) await this.#again(before);
  }

  /** A run that was taken back already: there and back, or refused. */
  async #undoTwice(): Promise<void> {
    const player = this.#player;
    const before = await player.observe();
    for (const _ of [1, 2]) {
      const { code, stderr } = await player.devs('undo');
      if (code !== 0)
        return player.fail('a refused undo changed something', lost(before, await player.observe()), [stderr]);
    }
    const after = await player.observe();
    // There and back: as it was before, edits included; or as it was before the run.
    if (lost(before, after).length > 0) this.#assertRestored({ before, after }, 'two undos are not exact', null);
  }

  /** With force; where devs names what no force overrides, after a person did something about that. */
  async #force(args: readonly string[]): Promise<Outcome> {
    const player = this.#player;
    const forced = await player.devs(...args, '--force');
    if (!WAYS_OUT.test(forced.stderr)) return forced;
    await player.shell([WAY_OUT]);
    return player.devs(...args, '--force');
  }

  /** Undoes a restore: with force where it says that force would do it. */
  async #undo(): Promise<Outcome> {
    const undone = await this.#player.devs('undo');
    return undone.code !== 0 && undone.stderr.includes('--force') ? this.#player.devs('undo', '--force') : undone;
  }

  /** One more undo: the run itself, or the restore again, or nothing; never half of it. */
  async #again(before: Observation): Promise<void> {
    const { code } = await this.#player.devs('undo');
    const after = await this.#player.observe();
    if (code !== 0) this.#player.fail('a refused undo changed something', lost(before, after));
  }

  async #killAndRecover(afterMs: number): Promise<void> {
    const player = this.#player;
    const before = await player.observe();
    const args = ['restore', '@', '--force'];
    const running = player.sandbox.startDevs(...args);
    await Promise.race([running.ended, after(afterMs)]);
    running.child.kill('SIGKILL');
    const killed = await running.ended;
    if (killed.code !== null) player.judge(args, killed);
    else player.script.push(`devs restore @ --force & sleep ${afterMs / 1000}; kill -9 $!`);
    if (killed.code !== null && killed.code !== 0) {
      if (this.#case.exitCode === 0 || isAboutNothing(killed) || WAYS_OUT.test(killed.stderr)) return;
      throw new Failure('refused with --force', lastLines(killed.stderr), refusal(killed));
    }
    const halfway = await player.observe();
    await player.devs('status');
    player.fail('a query writes', changes(halfway, await player.observe()));
    const recovered = await player.devs('recover');
    if (recovered.code !== 0) throw new Failure('recover is refused', lastLines(recovered.stderr), refusal(recovered));
    let now = await player.observe();
    if (lost(before, now).length === 0) {
      const again = await player.devs(...args);
      if (again.code !== 0) {
        if (this.#case.exitCode === 0 || isAboutNothing(again) || WAYS_OUT.test(again.stderr)) return;
        throw new Failure('refused after a kill', lastLines(again.stderr), refusal(again));
      }
      now = await player.observe();
    }
    this.#assertRestored({ before, after: now }, 'a restore that was killed is not exact', null);
    if (changes(before, now).length === 0 || player.script.some((line) => line.includes('not in the safety snapshot')))
      return;
    const undone = await this.#undo();
    if (undone.code !== 0)
      throw new Failure('undo of a killed restore is refused', lastLines(undone.stderr), refusal(undone));
    player.fail('a killed restore, then undo, is not the identity', lost(before, await player.observe()));
  }

  #assertRestored(
    seen: { before: Observation; after: Observation },
    oracle: string,
    left: Observation | null,
    scope: Scope = {},
  ): void {
    const saysStatus = this.#player.sandbox.state.restsOnStat !== true;
    this.#player.fail(oracle, restoredWrongly({ original: this.#original, left, ...seen }, { ...scope, saysStatus }));
  }

  async #fsck(): Promise<ReadonlySet<string>> {
    const { stdout, stderr } = await this.#player.sandbox.git('fsck', '--no-dangling', '--no-progress');
    return new Set(
      `${stdout}\n${stderr}`
        .split('\n')
        .filter((line) => line !== '' && !FSCK_WARNING.test(line))
        .map(withoutNames),
    );
  }

  /** Git finds nothing that it did not find before, or finds where the same is done without devs. */
  async #assertSound(before: ReadonlySet<string>): Promise<void> {
    const found = [...(await this.#fsck())].filter((line) => !before.has(line));
    if (found.length === 0) return;
    const { sandbox } = this.#player;
    const copy = path.join(sandbox.dir, 'repo');
    await sandbox.prepare(sandbox.state, this.#case.user);
    if (!fs.existsSync(copy)) return;
    await sandbox.shell(`${oneAfterTheOther([...this.#case.task, ...this.#case.edits])}`);
    const without = await this.#fsck();
    const more = found.filter((line) => !without.has(line));
    if (more.length > 0) throw new Failure('git fsck finds more than before', more, more[0]!);
  }
}

function refusal({ code, stderr }: Outcome): string {
  const line = stderr.split('\n').find((text) => /^devs: (ERROR|error|DEVS_)/.test(text)) ?? lastLines(stderr)[0] ?? '';
  return `${code} ${withoutNames(line)}`;
}

/** There is nothing to take back, or no such path: an answer that force does not change. */
function isAboutNothing({ code, stderr }: Outcome): boolean {
  return (
    code === 2 || /nothing to undo|nothing has run|no snapshot any more|no such path|DEVS_NO_SUCH|neither/i.test(stderr)
  );
}
