import type { BytePath } from '../base/byte-path.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import { type PathChange, SYMLINK, type TreeEntry } from '../objects/trees.ts';

/** Texts larger than this, and bytes that are no text, are said to differ, no more. */
const MAX_TEXT_BYTES = 2 << 20;
/** As git: a NUL among the first bytes means that it is no text. */
const LOOKED_AT = 8_000;
const CONTEXT_LINES = 3;

export interface TextDiff {
  /** Lines; null where either side is no text, or too large to be compared. */
  readonly added: number | null;
  readonly deleted: number | null;
  /** In git's format, as `git apply` takes it; of what cannot be compared line by line, the header alone. */
  readonly patch: Buffer;
}

export async function diffText(store: ObjectStore, change: PathChange): Promise<TextDiff> {
  const header = headerOf(change);
  const [before, after] = [textOf(store, change.before), textOf(store, change.after)];
  if (before === null || after === null) {
    return { added: null, deleted: null, patch: Buffer.from(`${header}Binary files differ\n`, 'latin1') };
  }
  // Loaded on first use: a run needs none of it.
  const { formatPatch, structuredPatch, OMIT_HEADERS } = await import('diff');
  const { hunks } = structuredPatch('', '', before, after, '', '', { context: CONTEXT_LINES });
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

/** One character a byte, so that lines of any encoding are compared exactly. Null: no text. */
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

/** As git writes names that are not plain: in quotes, with C's escapes. */
function quoted(path: BytePath): string {
  if (!/[\x00-\x1f"\\\x7f-\xff]/.test(path)) return path;
  const escaped = path.replace(/[\x00-\x1f"\\\x7f-\xff]/g, (byte) =>
    byte === '"' || byte === '\\' ? `\\${byte}` : `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
  return `"${escaped}"`;
}
