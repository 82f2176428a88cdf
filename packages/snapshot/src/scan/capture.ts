import fs from 'node:fs';
import { type BytePath, parentOf, toText } from '../base/byte-path.ts';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';
import type { HeldDirectories } from '../base/held-directories.ts';
import { openOwn } from '../base/open-own.ts';
import { readAt } from '../base/read-at.ts';
import { LARGE_BYTES } from '../objects/limits.ts';
import type { ObjectWriter } from '../objects/object-writer.ts';
import { EXECUTABLE, REGULAR, SYMLINK, type TreeEntry } from '../objects/trees.ts';
import type { LargeFileCache } from './large-file-cache.ts';
import type { Candidate } from './scan.ts';
import type { UnreadableFiles } from './unreadable.ts';

const CHUNK = 1 << 20;
const TRIES = 3;
/**
 * What reading says where a file became a link, a directory or a pipe, or a link a file, since it
 * was looked at.
 */
const BECAME_ANOTHER_KIND: ReadonlySet<string> = new Set(['ELOOP', 'EINVAL', 'EISDIR', 'ESPIPE']);
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;

/** Where captured files go. */
export interface Capturing {
  readonly writer: ObjectWriter;
  readonly cache: LargeFileCache;
  readonly unreadable: UnreadableFiles;
}

/**
 * Stores the bytes of a file or symbolic link as they are at one moment; null where it is gone.
 * What cannot be read is noted where a take may go on without it.
 * @throws AtomicSnapshotError `DEVS_FILE_CHANGED` when it changed during each of three reads,
 * `DEVS_UNREADABLE` where the take does not go on without the file, `DEVS_DIRECTORY_MOVED`.
 */
export async function capture(
  tree: HeldDirectories,
  candidate: Candidate,
  capturing: Capturing,
): Promise<TreeEntry | null | 'unreadable'> {
  const { writer, unreadable } = capturing;
  const { path } = candidate;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const stat = attempt === 0 ? candidate.stat : tree.stat(path);
    if (stat === null) return gone(tree, path);
    try {
      const oid = stat.isSymbolicLink()
        ? writer.add(
            'blob',
            tree.at(path, (file) => fs.readlinkSync(file, { encoding: 'buffer' })),
          )
        : await captureFile(tree, candidate.path, stat, capturing);
      if (oid !== null)
        return { oid, mode: stat.isSymbolicLink() ? SYMLINK : stat.mode & 0o100 ? EXECUTABLE : REGULAR };
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return gone(tree, path);
      if (error instanceof AtomicSnapshotError) throw error;
      if (BECAME_ANOTHER_KIND.has(codeOf(error))) continue;
      unreadable.note(path, error);
      return 'unreadable';
    }
  }
  const name = `${tree.root}/${toText(path)}`;
  throw new AtomicSnapshotError(
    'DEVS_FILE_CHANGED',
    `${name} kept changing while it was read; no snapshot was taken. Stop what writes to it, or ignore it`,
    {
      hint: ['ls', '-l', name],
      data: { path: name },
    },
  );
}

/**
 * Null for a file that is gone from its directory. @throws AtomicSnapshotError where the directory
 * itself is another.
 */
function gone(tree: HeldDirectories, path: BytePath): null {
  tree.assertUnmoved(parentOf(path));
  return null;
}

async function captureFile(
  tree: HeldDirectories,
  path: BytePath,
  seen: fs.Stats,
  { writer, cache, unreadable }: Capturing,
): Promise<string | null> {
  const { fd, isWidened } = tree.at(path, (file) => openFor(file, unreadable.mayWiden));
  try {
    // Making it readable for a moment is a change that its stat tells of.
    const expected = isWidened ? fs.fstatSync(fd) : seen;
    const { size } = expected;
    if (size > LARGE_BYTES) {
      const opened = fs.fstatSync(fd);
      if (!opened.isFile() || !same(expected, opened)) return null;
      const known = cache.find(path, opened);
      if (known !== null) return known;
      const oid = await writer.addStream(size, () => chunksOf(fd));
      if (oid === null || !same(opened, fs.fstatSync(fd))) return null;
      cache.add(path, opened, oid);
      return oid;
    }
    // One byte more than there should be, to notice a file that grew. Whatever else was opened
    // here, or written meanwhile, is told apart by its stat afterwards.
    const body = readAt(fd, 0, size + 1, size);
    const after = fs.fstatSync(fd);
    return body.length === size && after.isFile() && same(expected, after) ? writer.add('blob', body) : null;
  } finally {
    fs.closeSync(fd);
  }
}

function openFor(file: string | Buffer, mayWiden: boolean): { readonly fd: number; readonly isWidened: boolean } {
  try {
    return { fd: fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), isWidened: false };
  } catch (error) {
    if (codeOf(error) !== 'EACCES' || !mayWiden) throw error;
    return { fd: openOwn(file), isWidened: true };
  }
}

function same(a: fs.Stats, b: fs.Stats): boolean {
  return (
    a.mtimeMs === b.mtimeMs &&
    a.ctimeMs === b.ctimeMs &&
    a.size === b.size &&
    a.ino === b.ino &&
    a.dev === b.dev &&
    a.mode === b.mode
  );
}

function* chunksOf(fd: number): Generator<Buffer> {
  for (let at = 0; ; ) {
    // A new buffer each time: the compressor still reads the last one.
    const buffer = Buffer.allocUnsafe(CHUNK);
    const read = fs.readSync(fd, buffer, 0, CHUNK, at);
    if (read === 0) return;
    at += read;
    yield buffer.subarray(0, read);
  }
}
