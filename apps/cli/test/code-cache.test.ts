import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { temporaryDirectory } from '@devs/test-kit';
import { beforeEach, expect, test } from 'vitest';
import { BIN } from './devs.ts';

const VERSION = JSON.parse(fs.readFileSync(path.join(import.meta.dirname, '../package.json'), 'utf8')).version;

let bin: string;

/** The installation as it is, in a directory of the test's own. */
beforeEach(() => {
  bin = temporaryDirectory();
  for (const name of ['devs.cjs', 'main.cjs', 'main.cache'])
    fs.copyFileSync(path.join(path.dirname(BIN), name), path.join(bin, name));
});

const version = (env: NodeJS.ProcessEnv = {}) => {
  const { stdout, stderr } = spawnSync(process.execPath, [path.join(bin, 'devs.cjs'), '--version'], {
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
  });
  return stdout.trim() + stderr;
};

/** The bundle as a later build of the same length might be: another version number. */
function change(): void {
  const file = path.join(bin, 'main.cjs');
  const text = fs.readFileSync(file, 'latin1');
  const changed = text.replaceAll(`"${VERSION}"`, `"${VERSION.replace(/\d/, '9')}"`);
  expect(changed).not.toBe(text);
  expect(changed.length).toBe(text.length);
  fs.writeFileSync(file, changed, 'latin1');
}

test('a bundle of the same length never runs with the cache of another', () => {
  expect(version()).toBe(VERSION);
  change();
  expect(version()).toBe(VERSION.replace(/\d/, '9'));
});

test('a cache is made for the bundle that is there, and is used', () => {
  const before = fs.readFileSync(path.join(bin, 'main.cache'));
  change();
  version({ DEVS_BUILD_CODE_CACHE: '1' });
  const after = fs.readFileSync(path.join(bin, 'main.cache'));
  expect(after.subarray(0, 32).equals(before.subarray(0, 32))).toBe(false);
  expect(version()).toBe(VERSION.replace(/\d/, '9'));
  expect(fs.readdirSync(bin).sort()).toEqual(['devs.cjs', 'main.cache', 'main.cjs']);
});

test.each([
  ['empty', () => Buffer.alloc(0)],
  ['cut', (whole: Buffer) => whole.subarray(0, 20)],
  ['missing', () => null],
  ['of an older devs, without a hash', (whole: Buffer) => whole.subarray(32)],
])('a cache that is %s changes nothing but the time', (_, of) => {
  const file = path.join(bin, 'main.cache');
  const bytes = of(fs.readFileSync(file));
  if (bytes === null) fs.rmSync(file);
  else fs.writeFileSync(file, bytes);
  expect(version()).toBe(VERSION);
});
