import path from 'node:path';
import { build } from 'esbuild';

/** Builds the command line with the faults in it, beside the dependencies that it does not bundle. */
export async function buildFaulty(): Promise<string> {
  const outfile = path.join(import.meta.dirname, '../../node_modules/.cache/devs-faulty/devs.cjs');
  await build({
    entryPoints: [path.join(import.meta.dirname, 'faulty-bin.ts')],
    outfile,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20.19',
    conditions: ['devs-source'],
    mainFields: ['module', 'main'],
    external: ['better-sqlite3'],
    // The package says that its modules have no side effects; these have.
    ignoreAnnotations: true,
    logLevel: 'warning',
  });
  return outfile;
}
