import type { BytePath } from '../base/byte-path.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { type PathChange, SYMLINK, type TreeEntry } from '../objects/trees.ts';

/** Of a larger text, and of bytes that are no text, a comparison only says that they differ. */
const MAX_TEXT_BYTES = 2 << 20;
/** As in git, a NUL among so many first bytes means that a file is no text. */
const LOOKED_AT = 8_000;
const CONTEXT_LINES = 3;
/**
 * The search for the shortest difference takes time and memory that grow with its square. Beyond so
 * many changed lines the patch replaces the whole text, which is as true.
 */
const MAX_CHANGED_LINES = 4_000;

export interface TextDiff {
  /** Lines; null where either side is no text, or too large to be compared. */
  readonly added: number | null;
  readonly deleted: number | null;
  /**
   * In the format that `git apply` takes. Where the sides cannot be compared line by line, it is
   * the header alone.
   */
  readonly patch: Buffer;
}

export async function diffText(store: ObjectStore, change: PathChange): Promise<TextDiff> {
  const header = headerOf(change);
  const [before, after] = [textOf(store, change.before), textOf(store, change.after)];
  if (before === null || after === null) {
    return { added: null, deleted: null, patch: Buffer.from(`${header}Binary files differ\n`, 'latin1') };
  }
  // The package is loaded on first use, because a run needs none of it.
  const { formatPatch, structuredPatch, OMIT_HEADERS } = await import('diff');
  const limits = { context: CONTEXT_LINES, maxEditLength: MAX_CHANGED_LINES };
  const hunks = structuredPatch('', '', before, after, '', '', limits)?.hunks ?? [wholeReplaced(before, after)];
  const lines = hunks.flatMap((hunk) => hunk.lines);
  const count = (mark: string) => lines.filter((line) => line.startsWith(mark)).length;
  const names = hunks.length === 0 ? '' : `--- ${nameOf('a', change, 'before')}\n+++ ${nameOf('b', change, 'after')}\n`;
  const body = formatPatch({ oldFileName: '', newFileName: '', oldHeader: '', newHeader: '', hunks }, OMIT_HEADERS);
  return {
    added: count('+'),
    deleted: count('-'),
    patch: Buffer.from(header + names + (hunks.length === 0 ? '' : body), 'latin1'),
  };
}

/** One hunk that takes away every line and adds every line. */
function wholeReplaced(before: string, after: string) {
  const [old, fresh] = [linesOf(before, '-'), linesOf(after, '+')];
  const count = (lines: readonly string[]) => lines.filter((line) => !line.startsWith('\\')).length;
  const [oldLines, newLines] = [count(old), count(fresh)];
  return {
    oldStart: oldLines === 0 ? 0 : 1,
    oldLines,
    newStart: newLines === 0 ? 0 : 1,
    newLines,
    lines: [...old, ...fresh],
  };
}

function linesOf(text: string, mark: string): string[] {
  if (text === '') return [];
  const isEnded = text.endsWith('\n');
  const lines = (isEnded ? text.slice(0, -1) : text).split('\n').map((line) => mark + line);
  return isEnded ? lines : [...lines, '\\ No newline at end of file'];
}

/**
 * The text, one character for each byte, so that any encoding compares exactly; null for no text.
 */
function textOf(store: ObjectStore, entry: TreeEntry | null): string | null {
  if (entry === null) return '';
  if (store.findLarge(entry.oid) !== null) return null;
  const body = store.read(entry.oid, 'blob');
  const isText = body.length <= MAX_TEXT_BYTES && !body.subarray(0, LOOKED_AT).includes(0);
  return isText || entry.mode === SYMLINK ? body.toString('latin1') : null;
}

function headerOf({ path, before, after }: PathChange): string {
  const lines = [`diff --git ${quoted(`a/${path}`)} ${quoted(`b/${path}`)}`];
  if (before === null) lines.push(`new file mode ${octal(after)}`);
  else if (after === null) lines.push(`deleted file mode ${octal(before)}`);
  else if (before.mode !== after.mode) lines.push(`old mode ${octal(before)}`, `new mode ${octal(after)}`);
  return `${lines.join('\n')}\n`;
}

function nameOf(prefix: string, change: PathChange, side: 'before' | 'after'): string {
  return change[side] === null ? '/dev/null' : quoted(`${prefix}/${change.path}`);
}

function octal(entry: TreeEntry | null): string {
  return entry!.mode.toString(8);
}

/** The path as git prints it: in quotes and with C's escapes where it is not plain. */
function quoted(path: BytePath): string {
  if (!/[\x00-\x1f"\\\x7f-\xff]/.test(path)) return path;
  const escaped = path.replace(/[\x00-\x1f"\\\x7f-\xff]/g, (byte) =>
    byte === '"' || byte === '\\' ? `\\${byte}` : `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
  return `"${escaped}"`;
}
