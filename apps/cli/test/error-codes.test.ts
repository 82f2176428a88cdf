// Codes, their types and docs/errors.md say the same.
import fs from 'node:fs';
import path from 'node:path';
import { DATABASE_ERROR_CODES, DATABASE_WARNING_CODES } from '@devs/db';
import { LOCK_ERROR_CODES } from '@devs/lock';
import { SNAPSHOT_ERROR_CODES } from '@devs/snapshot';
import { expect, test } from 'vitest';
import { CLI_ERROR_CODES, CliError } from '../src/base/errors.ts';

const root = path.join(import.meta.dirname, '../../..');

const LISTS = [
  CLI_ERROR_CODES,
  DATABASE_ERROR_CODES,
  DATABASE_WARNING_CODES,
  LOCK_ERROR_CODES,
  SNAPSHOT_ERROR_CODES,
] as const;

const CODES = new Set<string>(LISTS.flat());

/** Variables of the environment, which are no codes. */
const VARIABLES = ['DEVS_BUILD_CODE_CACHE', 'DEVS_LOCK_ID', 'DEVS_PROGRAM', 'DEVS_RUN_ID'];

/** The text of each source file. */
function sources(): string[] {
  return ['apps/cli/src', 'packages/db/src', 'packages/lock/src', 'packages/snapshot/src'].flatMap((dir) =>
    fs
      .readdirSync(path.join(root, dir), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|cjs|md)$/.test(name))
      .map((name) => fs.readFileSync(path.join(root, dir, name), 'utf8')),
  );
}

test('docs/errors.md has one row with a cause and a way out for each code, and no other', () => {
  const page = fs.readFileSync(path.join(root, 'docs/errors.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(DEVS_\w+)` \| (.+) \| (.+) \|$/gm)].map(([, code]) => code!);
  expect(rows.filter((code, i) => rows.indexOf(code) !== i)).toEqual([]);
  expect(new Set(rows)).toEqual(CODES);
  const mentioned = [...page.matchAll(/DEVS_[A-Z0-9]\w*/g)].map(([code]) => code);
  expect(mentioned.filter((code) => !CODES.has(code))).toEqual([]);
});

test('each list is in order and names nothing twice', () => {
  for (const list of LISTS) expect(list).toEqual([...new Set(list)].sort());
});

test('every DEVS_ word in the sources is a code or a variable, and every code is used', () => {
  const words = sources().flatMap((text) => [...text.matchAll(/\bDEVS_[A-Z0-9]\w*/g)].map(([word]) => word));
  expect([...new Set(words)].filter((word) => !CODES.has(word) && !VARIABLES.includes(word))).toEqual([]);
  const uses = (code: string) => words.filter((word) => word === code).length;
  // Once in its list, and at least once where it is thrown.
  expect([...CODES].filter((code) => uses(code) < 2)).toEqual([]);
});

test('a code that no list has is no error of ours', () => {
  // @ts-expect-error The type is closed.
  expect(new CliError('DEVS_NO_SUCH_CODE', 'x').exitCode).toBe(125);
});
