/**
 * Git paths are bytes, not text. Inside this package a path is a string with one character per byte
 * ("latin1"), which sorts as git sorts and loses nothing; it becomes text only where people read
 * it.
 */
export type BytePath = string;

const NON_ASCII = /[^\x00-\x7f]/;

/**
 * `dir` (text) joined with `path`, in the form the file system wants: text where that is exact,
 * bytes elsewhere.
 */
export function onDisk(dir: string, path: BytePath): string | Buffer {
  if (path === '') return dir;
  if (!NON_ASCII.test(path)) return `${dir}/${path}`;
  return Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(path, 'latin1')]);
}

export function fromText(text: string): BytePath {
  return NON_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/**
 * For people and JSON: UTF-8 where the bytes are UTF-8, C-style escapes for the bytes that are not.
 */
export function toText(path: BytePath): string {
  if (!NON_ASCII.test(path)) return path;
  const text = Buffer.from(path, 'latin1').toString('utf8');
  if (!text.includes('\ufffd')) return text;
  return path.replace(/[^\x00-\x7f]/g, (byte) => `\\${byte.charCodeAt(0).toString(8)}`);
}

export function parentOf(path: BytePath): BytePath {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? '' : path.slice(0, slash);
}

export function byteOrder(a: BytePath, b: BytePath): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
