import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { Repo } from '@devs/test-kit';
import { expect, test } from 'vitest';
import { HeldDirectories } from '../src/base/held-directories.ts';
import { findRepository } from '../src/index.ts';
import { ObjectStore } from '../src/objects/object-store.ts';
import { ObjectWriter } from '../src/objects/object-writer.ts';
import { capture } from '../src/scan/capture.ts';
import { LargeFileCache } from '../src/scan/large-file-cache.ts';
import { UnreadableFiles } from '../src/scan/unreadable.ts';

type Put = (file: string) => void;
const write =
  (text: string): Put =>
  (file) =>
    fs.writeFileSync(file, text);

/** What `capture` makes of what was looked at when `before` had put it there, and is by now what `after` puts there. */
async function captureReplaced(before: Put, after: Put) {
  const repo = Repo.create();
  const file = repo.path('file');
  before(file);
  const stat = fs.lstatSync(file);
  fs.rmSync(file);
  after(file);
  const repository = findRepository(repo.dir);
  using store = new ObjectStore(repository.commonDir);
  const writer = new ObjectWriter(store);
  using tree = new HeldDirectories(repo.dir);
  const cache = new LargeFileCache(repository, store.dir);
  using unreadable = new UnreadableFiles(repo.dir, { mayWiden: false, lacks: null });
  const entry = await capture(tree, { path: 'file', stat }, { writer, cache, unreadable });
  if (entry === 'unreadable') throw new Error(entry);
  writer.flush();
  return entry && { mode: entry.mode.toString(8), text: repo.git('cat-file', 'blob', entry.oid) };
}

const file = write('as it was\n');
const link: Put = (path) => fs.symlinkSync('target', path);

test.each([
  ['a file', 'another one', file, write('and is\n'), { mode: '100644', text: 'and is' }],
  ['a file', 'a longer one', file, write('as it was\n, and more'), { mode: '100644', text: 'as it was\n, and more' }],
  ['a file', 'a link', file, link, { mode: '120000', text: 'target' }],
  ['a link', 'a file', link, file, { mode: '100644', text: 'as it was' }],
  ['a file', 'nothing', file, () => {}, null],
])('%s that became %s since it was looked at is captured as it is', async (_, __, before, after, expected) => {
  expect(await captureReplaced(before, after)).toEqual(expected);
});

test.each([
  ['a directory', file, (path: string) => fs.mkdirSync(path)],
  ['a pipe', file, (path: string) => void execFileSync('mkfifo', [path])],
])('a file that became %s since it was looked at fails the take', async (_, before, after) => {
  await expect(captureReplaced(before, after)).rejects.toMatchObject({ code: 'DEVS_FILE_CHANGED' });
});
