import type { SurvivorPolicy } from '../processes/surviving-processes.ts';

/** A task by name: what it runs and how. */
export interface NamedTask {
  readonly run: string;
  readonly cwd: string;
  readonly onFailure?: 'keep' | 'restore';
  readonly onSuccess?: 'drop' | 'keep';
  /** Milliseconds. */
  readonly timeout?: number;
  readonly includeIgnored?: readonly string[];
  /** Whether it may start beside the surviving processes of a killed run. */
  readonly survivors?: SurvivorPolicy;
  /** Put before PATH. */
  readonly binDirectories: readonly string[];
}
