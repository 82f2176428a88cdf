import process from 'node:process';

/**
 * Milliseconds of a clock that never jumps, from any start. Node's `performance` takes a hundredth
 * of a short run to load.
 */
export function now(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
