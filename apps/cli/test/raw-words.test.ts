import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { Repo, temporaryDirectory } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { BIN } from './devs.ts';

/** Words of `sh` that are not UTF-8, and what they are in bytes. */
const WORDS: readonly (readonly [printf: string, hex: string])[] = [
  ['caf\\351', '636166e9'],
  ['\\377\\376', 'fffe'],
  ['\\351\\012\\012', 'e90a0a'],
  [
    "\\351'\\042$(touch trapped)\\140touch trapped\\140",
    `e927222428746f756368207472617070656429${'60746f756368207472617070656460'}`,
  ],
  ['\\055n\\200', '2d6e80'],
  ['%s\\351\\134n', '2573e95c6e'],
  ['plain', '706c61696e'],
  ['\\303\\274 \\357\\277\\275', 'c3bc20efbfbd'],
];

test.skipIf(!fs.existsSync('/proc/self/cmdline'))(
  'arguments that are not UTF-8 reach the command byte for byte',
  () => {
    const repo = Repo.create();
    const show = path.join(temporaryDirectory(), 'show');
    fs.writeFileSync(
      show,
      '#!/bin/sh\nfor word; do printf %s "$word" | od -An -tx1 -v | tr -d " \\n"; echo; done\nexit 7\n',
      {
        mode: 0o755,
      },
    );
    // A shell makes the bytes: Node's own spawn could not.
    const words = WORDS.map(
      ([text], i) => `w${i}=$(printf '${text.replaceAll("'", "'\\''").replaceAll('%', '%%')}.'); w${i}=\${w${i}%.}`,
    );
    const script = `${words.join('\n')}\nexec "$@" ${WORDS.map((_, i) => `"$w${i}"`).join(' ')}`;
    const run = (...command: string[]) =>
      spawnSync('sh', ['-c', script, 'sh', ...command], {
        cwd: repo.dir,
        encoding: 'utf8',
        env: { PATH: process.env.PATH },
      });
    const expected = `${WORDS.map(([, hex]) => hex).join('\n')}\n`;
    expect(run(show).stdout).toBe(expected);
    const ended = run(process.execPath, BIN, 'run', '--', show);
    expect(ended).toMatchObject({ status: 7, stdout: expected });
    expect(fs.existsSync(repo.path('trapped'))).toBe(false);
    expect(execFileSync(process.execPath, [BIN, 'log'], { cwd: repo.dir, encoding: 'utf8' })).toContain('show');
  },
);
