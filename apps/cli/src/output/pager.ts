import { spawn } from 'node:child_process';
import process from 'node:process';
import { helperPath } from '../processes/helper-path.ts';
import { escapeBytes } from './escape.ts';
import { paint, type Terminal } from './terminal.ts';

interface PagerContext {
  /** The top of the work tree. */
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly terminal: Pick<Terminal, 'write'>;
  /**
   * `core.pager` of the system's or the user's configuration. The repository's own would run its
   * author's program.
   */
  readonly configured: string | undefined;
}

/**
 * Shows a patch: on a terminal through the user's pager, in colour and escaped; elsewhere byte for
 * byte.
 */
export async function page(context: PagerContext, patch: Buffer): Promise<void> {
  const { env, terminal, configured } = context;
  if (!process.stdout.isTTY) return terminal.write(patch);
  const coloured = Buffer.from(patch.toString('latin1').split('\n').map(colourLine).join('\n'));
  const pager = env.GIT_PAGER ?? configured ?? env.PAGER ?? 'less';
  if (pager === '' || pager === 'cat' || !(await runPager(pager, context, coloured))) terminal.write(coloured);
}

/** False where the pager cannot be started. */
function runPager(pager: string, { env, root }: PagerContext, text: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(pager, {
      shell: true,
      // As git: quit if it fits on one screen, show colours, leave the screen as it is.
      env: { ...env, LESS: env.LESS ?? 'FRX', PATH: helperPath(env.PATH, root) },
      stdio: ['pipe', 'inherit', 'inherit'],
    });
    child.once('error', () => resolve(false));
    // 127: the shell found no such command.
    child.once('exit', (code) => resolve(code !== 127));
    // A user who quits the pager early does not want the rest.
    child.stdin!.on('error', () => {});
    child.stdin!.end(text);
  });
}

/** A line of the patch, escaped, in the colour that git gives it. */
function colourLine(bytes: string): string {
  const line = escapeBytes(bytes);
  if (line === '') return line;
  if (line.startsWith('@@')) return paint('cyan', line, process.stdout);
  if (/^(diff --git|---|\+\+\+|index|old mode|new mode|new file|deleted file)/.test(line)) {
    return paint('bold', line, process.stdout);
  }
  if (line.startsWith('+')) return paint('green', line, process.stdout);
  return line.startsWith('-') ? paint('red', line, process.stdout) : line;
}
