import { IGNORE } from './ignore.ts';
import { INDEX_KINDS } from './index-kinds.ts';
import { LAYOUTS } from './layouts.ts';
import { LINE_ENDS } from './line-ends.ts';
import { NAMES } from './names.ts';
import { OPERATIONS } from './operations.ts';
import { PERMISSIONS } from './permissions.ts';
import { PLAIN } from './plain.ts';
import { REFS } from './refs.ts';
import type { State } from './state.ts';

export const STATES: readonly State[] = [
  ...PLAIN,
  ...OPERATIONS,
  ...LINE_ENDS,
  ...INDEX_KINDS,
  ...LAYOUTS,
  ...PERMISSIONS,
  ...NAMES,
  ...IGNORE,
  ...REFS,
];

const BY_NAME = new Map(STATES.map((state) => [state.name, state]));

export function stateNamed(name: string): State {
  const state = BY_NAME.get(name);
  if (state === undefined) throw new Error(`no state is named "${name}"`);
  return state;
}
