import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { temporaryDirectory } from '@devs/test-kit';
import { afterAll, expect, it } from 'vitest';
import { COMMANDS } from './commands/all.ts';
import { hunt } from './hunt.ts';
import { Sandbox } from './sandbox.ts';
import { STATES } from './states/all.ts';

// The property: whatever is run in whatever repository, devs brings it back exactly, or refuses, says why, and changes
// nothing; see oracle.ts. DEVS_ADVERSARY_CASES and DEVS_ADVERSARY_SEED look further, DEVS_ADVERSARY_FINDINGS keeps the
// shell scripts of what was found. `node test/adversary/main.mjs 20000` does the same without a test's time limit.
const CASES = Number(process.env.DEVS_ADVERSARY_CASES ?? 250);
const SEED = Number(process.env.DEVS_ADVERSARY_SEED ?? 1);
const isOpen = process.env.DEVS_ADVERSARY_ALL === '1';
// In memory where that is possible: devs flushes, and what a flush of a disk costs is not the matter here.
const root = isWritable('/dev/shm') ? fs.mkdtempSync('/dev/shm/devs-adversary-') : temporaryDirectory();
// Another user plays some cases.
fs.chmodSync(root, 0o755);

afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

it('the catalogue and the states are as many as were promised', () => {
  expect(new Set(COMMANDS).size).toBeGreaterThanOrEqual(120);
  expect(new Set(STATES.map(({ name }) => name)).size).toBeGreaterThanOrEqual(60);
});

it(`${CASES} random cases from seed ${SEED} lose nothing`, { timeout: 60_000 + CASES * 10_000 }, async () => {
  const findings: string[] = [];
  await hunt([new Sandbox(path.join(root, '1')), new Sandbox(path.join(root, '2'))], {
    first: SEED,
    count: CASES,
    isOpen,
    onFinding: ({ script }) => {
      findings.push(script);
      keep(script, findings.length);
    },
  });
  expect(findings.join('\n\n')).toBe('');
});

function keep(script: string, number: number): void {
  const dir = process.env.DEVS_ADVERSARY_FINDINGS;
  if (dir === undefined) return;
  fs.mkdirSync(dir, { recursive: true });
  fs.writeFileSync(path.join(dir, `${SEED}-${number}.sh`), script, 'latin1');
}

function isWritable(dir: string): boolean {
  try {
    fs.accessSync(dir, fs.constants.W_OK);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'EROFS') throw error;
    return false;
  }
}
