import fs from 'node:fs';
import path from 'node:path';
import { temporaryDirectory } from '@devs/test-kit';
import { describe, expect, test } from 'vitest';
import { HeldDirectories } from '../src/base/held-directories.ts';

const read = (file: string | Buffer) => fs.readFileSync(file, 'utf8');

/** Real directories `a/b` with a file, and one outside with another file of the same name. */
function places(): { root: string; outside: string } {
  const root = temporaryDirectory();
  fs.mkdirSync(path.join(root, 'a/b'), { recursive: true });
  fs.writeFileSync(path.join(root, 'a/b/file'), 'inside');
  const outside = temporaryDirectory();
  fs.mkdirSync(path.join(outside, 'b'));
  fs.writeFileSync(path.join(outside, 'b/file'), 'outside');
  return { root, outside };
}

describe.each([
  ['by descriptor', process.platform === 'linux'],
  ['by path, as on other systems', false],
])('%s', (_, byDescriptor) => {
  test('a file is reached, and a name that is not UTF-8', () => {
    const { root } = places();
    using tree = new HeldDirectories(root, byDescriptor);
    expect(tree.at('a/b/file', read)).toBe('inside');
    tree.at('a/b/\xff', (file) => fs.writeFileSync(file, 'bytes'));
    expect(tree.in('a/b', (self) => fs.readdirSync(self, { encoding: 'latin1' })).sort()).toEqual(['file', '\xff']);
  });

  test('nothing is reached through a link, at any depth', () => {
    const { root, outside } = places();
    fs.renameSync(path.join(root, 'a'), path.join(root, 'aside'));
    fs.symlinkSync(outside, path.join(root, 'a'));
    using tree = new HeldDirectories(root, byDescriptor);
    expect(() => tree.at('a/b/file', read)).toThrow();
    expect(tree.stat('a/b/file')).toBe(null);
    expect(tree.isDirectory('a/b')).toBe(false);
  });

  test('a directory that was swapped since it was used leads nowhere else, and is told of', () => {
    const { root, outside } = places();
    using tree = new HeldDirectories(root, byDescriptor);
    expect(tree.at('a/b/file', read)).toBe('inside');
    fs.renameSync(path.join(root, 'a'), path.join(root, 'aside'));
    fs.symlinkSync(outside, path.join(root, 'a'));
    try {
      expect(tree.at('a/b/file', read)).toBe('inside');
    } catch (error) {
      expect(['DEVS_DIRECTORY_MOVED', 'ENOTDIR']).toContain((error as NodeJS.ErrnoException).code);
    }
    expect(() => tree.assertAllUnmoved()).toThrow(expect.objectContaining({ code: 'DEVS_DIRECTORY_MOVED' }));
    expect(() => tree.assertUnmoved('a/b')).toThrow(expect.objectContaining({ code: 'DEVS_DIRECTORY_MOVED' }));
  });

  test('more directories than may be open at once', () => {
    const root = temporaryDirectory();
    using tree = new HeldDirectories(root, byDescriptor);
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 400; i++) {
        fs.mkdirSync(path.join(root, `d${i}/e`), { recursive: true });
        tree.at(`d${i}/e/file`, (file) => fs.writeFileSync(file, String(i)));
      }
    }
    expect(fs.readFileSync(path.join(root, 'd399/e/file'), 'utf8')).toBe('399');
    if (process.platform === 'linux') expect(fs.readdirSync('/proc/self/fd').length).toBeLessThan(700);
  });

  test('an error names the file by its own path', () => {
    const { root } = places();
    using tree = new HeldDirectories(root, byDescriptor);
    const file = path.join(root, 'a/b/absent');
    expect(() => tree.at('a/b/absent', read)).toThrow(expect.objectContaining({ code: 'ENOENT', path: file }));
    expect(() => tree.at('a/b/absent', read)).toThrow(`open '${file}'`);
  });
});
