import { COMMANDS, fillIn } from './commands/all.ts';
import { isOpenCommand, isOpenState } from './open.ts';
import { Random } from './random.ts';
import { CAN_CHANGE_USER, type User } from './sandbox.ts';
import { STATES } from './states/all.ts';

/** How the run is taken back. */
type Ending =
  | { readonly kind: 'restore' | 'undo' | 'files only' }
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'kill'; readonly afterMs: number };

export interface Case {
  readonly seed: number;
  readonly state: string;
  readonly user: User;
  /** What the run does, as shell commands. */
  readonly task: readonly string[];
  readonly exitCode: number;
  readonly onFailure: 'keep' | 'restore';
  /** The run kills devs, as the last thing it does. */
  readonly killsDevs: boolean;
  readonly hasQueries: boolean;
  /** What is done after the run, without devs. */
  readonly edits: readonly string[];
  readonly ending: Ending;
}

const PATHS = ['a.txt', 'b.txt', 'dir', 'dir/c.txt', 'untracked.txt', 'new dir', 'empty', 'link', 'u.txt'];

/** The case of a seed. `isOpen`: with the states and commands that are known to fail. */
export function generate(seed: number, isOpen: boolean): Case {
  const random = new Random(seed);
  const states = STATES.filter((state) => isOpen || !isOpenState(state.name)).filter(
    (state) => CAN_CHANGE_USER || state.asRoot === undefined,
  );
  const commands = COMMANDS.filter((command) => isOpen || !isOpenCommand(command));
  const choose = (count: number) => Array.from({ length: count }, () => fillIn(random.pick(commands), random));
  const state = random.pick(states);
  const task = choose(1 + random.below(random.chance(30) ? 5 : 2));
  const exitCode = random.chance(80) ? 3 : 0;
  const user = CAN_CHANGE_USER && (state.asRoot !== undefined || random.chance(40)) ? 'nobody' : 'self';
  return {
    seed,
    state: state.name,
    user,
    task,
    exitCode,
    onFailure: random.chance(20) ? 'restore' : 'keep',
    killsDevs: random.chance(6),
    hasQueries: random.chance(12),
    edits: random.chance(25) ? choose(1 + random.below(2)) : [],
    ending: chooseEnding(random),
  };
}

function chooseEnding(random: Random): Ending {
  const number = random.below(100);
  if (number < 55) return { kind: 'restore' };
  if (number < 72) return { kind: 'undo' };
  if (number < 80) return { kind: 'files only' };
  if (number < 90) return { kind: 'path', path: random.pick(PATHS) };
  return { kind: 'kill', afterMs: 60 + random.below(120) };
}
