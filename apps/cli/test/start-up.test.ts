import path from 'node:path';
import { build, type Metafile } from 'esbuild';
import { expect, test } from 'vitest';

/** All that is evaluated once `starts` are: what they import, and so on, but what is imported on first use. */
function evaluated({ inputs }: Metafile, starts: readonly string[]): string[] {
  const found = new Set<string>();
  const next = [...starts];
  for (let file = next.pop(); file !== undefined; file = next.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    const imports = inputs[file]!.imports.filter(
      ({ kind, external }) => kind !== 'dynamic-import' && external !== true,
    );
    next.push(...imports.map((each) => each.path));
  }
  return [...found];
}

test('a run loads no library but those it needs: each of the others would cost it ten milliseconds', async () => {
  const { metafile } = await build({
    absWorkingDir: path.join(import.meta.dirname, '..'),
    entryPoints: ['src/bin.ts'],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    conditions: ['devs-source'],
    external: ['better-sqlite3'],
  });
  const files = evaluated(metafile, ['src/bin.ts', 'src/commands/run.ts', '../../packages/db/src/index.ts']);
  const libraries = files.map(
    (file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!node_modules)/.exec(file.split('.pnpm/').at(-1)!)?.[1],
  );
  expect([...new Set(libraries.filter((name) => name !== undefined))].sort()).toEqual(['commander', 'kysely']);
});
