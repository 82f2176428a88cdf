import type { ShellLine } from '../base/quote-argv.ts';
import { CHECKS } from '../doctor/checks.ts';
import type { Check, Finding, Patient } from '../doctor/finding.ts';
import { findProject } from '../project/find-project.ts';
import { inspectProject } from '../project/project-state.ts';
import type { CommandContext } from './context.ts';
import { lockFor } from './with-lock.ts';

/** A finding and what became of it. */
interface Line extends Pick<Finding, 'check' | 'ok' | 'message'> {
  readonly hint?: ShellLine;
  readonly fixed: string | null;
  readonly fixable: boolean;
}

/**
 * `devs doctor`: looks for what could lose work, or stop the next run. Exit code 1 while something
 * is wrong.
 */
export async function doctor(context: CommandContext, flags: { readonly fix?: boolean }): Promise<number> {
  const { terminal } = context;
  const repo = findProject(context);
  const patient: Patient = { repo, isHeld: (await inspectProject(repo)).state === 'held' };
  const lines: Line[] = [];
  let isRepaired = false;
  for (const check of CHECKS) {
    for (const finding of await check(patient)) {
      const fixed = flags.fix === true && !finding.ok ? await fix(check, finding) : null;
      const { check: name, ok, message, hint } = finding;
      const line = { check: name, ok, message, fixed, fixable: finding.fix !== undefined };
      lines.push(hint === undefined ? line : { ...line, hint: terminal.hint(hint) });
    }
  }
  const isWell = lines.every(({ ok, fixed }) => ok || fixed !== null);
  if (terminal.options.json) terminal.json({ ok: isWell, findings: lines });
  else {
    for (const line of lines) render(context, line);
    if (lines.some(({ fixable, fixed }) => fixable && fixed === null)) {
      terminal.say(`to repair what is safe to repair: ${terminal.hint(['devs', 'doctor', '--fix'])}`);
    }
  }
  return isWell ? 0 : 1;

  async function fix(check: Check, finding: Finding): Promise<string | null> {
    if (finding.fix === undefined) return null;
    if (finding.fix !== 'repair') return finding.fix();
    // One repair mends all that it can.
    if (!isRepaired) await (await lockFor(context, 'doctor'))[Symbol.asyncDispose]();
    isRepaired = true;
    // Believed when the check says so.
    return (await check(patient)).every(({ ok }) => ok) ? 'repaired' : null;
  }
}

function render({ terminal }: CommandContext, { check, ok, message, hint, fixed }: Line): void {
  const [mark, colour] = ok
    ? (['ok', 'green'] as const)
    : fixed === null
      ? (['wrong', 'red'] as const)
      : (['fixed', 'yellow'] as const);
  terminal.answer({ colour, text: mark.padEnd(6) }, ` ${check.padEnd(11)} ${message}`);
  if (fixed !== null && fixed !== 'repaired') terminal.answer(`${' '.repeat(19)}${fixed}`);
  if (hint !== undefined && fixed === null) terminal.answer(`${' '.repeat(19)}${hint}`);
}
