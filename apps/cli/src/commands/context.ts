import type { Terminal } from '../output/terminal.ts';

/** What every command is given. Commands return the exit code. */
export interface CommandContext {
  /** Where the user stands, after `-C`. */
  readonly cwd: string;
  readonly terminal: Terminal;
  readonly env: NodeJS.ProcessEnv;
}
