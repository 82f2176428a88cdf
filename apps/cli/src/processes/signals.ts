import process from 'node:process';

const NAMES = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Ignores SIGINT, SIGTERM and SIGHUP until disposed: the writes of a restore are never cut short by
 * them.
 */
export function shieldFromSignals(): Disposable {
  const ignore = () => {};
  for (const name of NAMES) process.on(name, ignore);
  return {
    [Symbol.dispose]() {
      for (const name of NAMES) process.off(name, ignore);
    },
  };
}

/** How often the user has asked to stop; a process runs one command line. */
let interrupts = 0;
/** Ends the command that runs now; null while none does. */
let endCommand: (() => void) | null = null;

/**
 * Until disposed, the first SIGINT is the command's to act on, and this process waits. A second one
 * ends the command if it still runs, and this process at once if it does not: takes and clean-ups
 * are crash-safe, so the next start puts right what is left. Within `shieldFromSignals` none ends
 * anything.
 *
 * Takes block the event loop, so no handler would run during one. Therefore the system's own
 * reaction to SIGINT is put back as soon as one has come and no command runs.
 */
export function endOnSecondInterrupt(): Disposable {
  const ignore = () => {};
  process.on('SIGINT', onInterrupt);
  for (const name of ['SIGTERM', 'SIGHUP'] as const) process.on(name, ignore);
  return {
    [Symbol.dispose]() {
      process.off('SIGINT', onInterrupt);
      for (const name of ['SIGTERM', 'SIGHUP'] as const) process.off(name, ignore);
    },
  };
}

function onInterrupt(): void {
  interrupts++;
  if (endCommand !== null) {
    if (interrupts === 2) endCommand();
  } else if (interrupts === 1) {
    // Later, so that a second one that came while the loop was blocked still arrives here.
    setImmediate(() => process.off('SIGINT', onInterrupt));
  } else {
    process.off('SIGINT', onInterrupt);
    process.kill(process.pid, 'SIGINT');
  }
}

/** Says that a command runs, and how to end it, until disposed. */
export function commandRuns(end: () => void): Disposable {
  endCommand = end;
  return {
    [Symbol.dispose]() {
      endCommand = null;
      if (interrupts > 0) process.off('SIGINT', onInterrupt);
    },
  };
}
