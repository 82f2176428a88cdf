import { isUtf8 } from 'node:buffer';
import { createScanner, type Node as JsonNode, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { CliError, EXIT_USAGE } from '../base/errors.ts';

export type { JsonNode };

/** Deeper than any file of tasks, and far less than what overflows the parser's stack. */
const MAX_DEPTH = 64;

/**
 * A JSON text as a tree. Values are read from its nodes, never from objects: `__proto__` is a name
 * as any other.
 */
export interface JsonTree {
  /** Null where the text is empty. */
  readonly top: JsonNode | null;
  /** An error that names the place. */
  invalid(offset: number, what: string): CliError;
}

export type Invalid = JsonTree['invalid'];

/**
 * Parses JSON with comments and trailing commas. @throws CliError `DEVS_CONFIG_INVALID` with line
 * and column.
 */
export function parseJsonTree(bytes: Buffer, file: string): JsonTree {
  const text = decode(bytes, file);
  const invalid = (offset: number, what: string) => {
    const before = text.slice(0, offset).split('\n');
    return invalidAt(file, { line: before.length, column: before.at(-1)!.length + 1 }, what);
  };
  assertShallow(text, invalid);
  const errors: ParseError[] = [];
  const top = parseTree(text, errors, { allowTrailingComma: true });
  if (errors[0] !== undefined) throw invalid(errors[0].offset, printParseErrorCode(errors[0].error));
  return { top: top ?? null, invalid };
}

/** The entries of an object in their order; none where the node is no object. */
export function entriesOf(node: JsonNode | undefined): readonly (readonly [JsonNode, JsonNode])[] {
  if (node?.type !== 'object') return [];
  return (node.children ?? []).flatMap(({ children }) => {
    const [key, value] = children ?? [];
    return key === undefined || value === undefined ? [] : [[key, value] as const];
  });
}

/** As JSON.parse has it, the last of several values of a key counts. */
export function property(node: JsonNode | undefined, name: string): JsonNode | undefined {
  return entriesOf(node).findLast(([key]) => key.value === name)?.[1];
}

/**
 * @throws CliError `DEVS_CONFIG_INVALID` where a key stands twice, since a reader sees the first
 * and a program the last.
 */
export function assertNoDuplicates(node: JsonNode, invalid: Invalid): void {
  const seen = new Set<unknown>();
  for (const [key] of entriesOf(node)) {
    if (seen.has(key.value)) throw invalid(key.offset, `"${key.value}" is there twice`);
    seen.add(key.value);
  }
  for (const child of node.children ?? []) assertNoDuplicates(child, invalid);
}

function decode(bytes: Buffer, file: string): string {
  if (isUtf8(bytes)) return bytes.toString('utf8').replace(/^\ufeff/, '');
  // By halving: the author of the file decides how long it is, and how much of it is one line.
  let [sound, unsound] = [0, bytes.length + 1];
  while (unsound - sound > 1) {
    const middle = (sound + unsound) >> 1;
    if (beginsUtf8(bytes.subarray(0, middle))) sound = middle;
    else unsound = middle;
  }
  const before = bytes
    .toString('utf8', 0, sound)
    .replace(/\ufffd$/, '')
    .split('\n');
  throw invalidAt(file, { line: before.length, column: before.at(-1)!.length + 1 }, 'the text is not UTF-8');
}

/** Whether more bytes could make it UTF-8: it may end in the middle of a character. */
function beginsUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return false;
    throw error;
  }
}

/** The parser calls itself for each level; this scanner does not. */
function assertShallow(text: string, invalid: Invalid): void {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (scanner.scan(); scanner.getTokenOffset() < text.length; scanner.scan()) {
    const first = text[scanner.getTokenOffset()]!;
    if (first === '{' || first === '[') depth++;
    else if (first === '}' || first === ']') depth--;
    if (depth > MAX_DEPTH) throw invalid(scanner.getTokenOffset(), `there are more than ${MAX_DEPTH} levels`);
  }
}

interface Position {
  readonly line: number;
  readonly column: number;
}

function invalidAt(file: string, { line, column }: Position, what: string): CliError {
  return new CliError('DEVS_CONFIG_INVALID', `${file}:${line}:${column}: ${what}`, {
    exitCode: EXIT_USAGE,
    data: { path: file, line, column },
  });
}
