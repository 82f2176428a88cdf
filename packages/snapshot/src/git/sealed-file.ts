import path from 'node:path';
import { makePrivateDirectory, PRIVATE, readIfThere, replaceFile } from '../base/durable.ts';
import { codeOf } from '../base/errors.ts';
import { isSealed, sealOf } from './seal.ts';

const HEAD = /^\{"seal":"([0-9a-f]{64})","body":$/;
const HEAD_BYTES = '{"seal":"","body":'.length + 64;
const TAIL = '}\n';

/** A file of ours in the git directory that would do harm if another program had written it. */
export interface SealedFile {
  readonly file: string;
  readonly commonDir: string;
  /** Part of what is sealed, so that one kind of file cannot stand in for another. */
  readonly kind: string;
  /** Larger files are not read. */
  readonly maxBytes: number;
}

export type SealedContent =
  | { readonly state: 'absent' }
  /** This repository's key did not seal it. */
  | { readonly state: 'foreign' }
  | { readonly state: 'sound'; readonly body: unknown };

/**
 * Writes `{"seal":"<hex>","body":<body>}`. The seal covers the kind, a NUL byte, and the body's
 * bytes.
 */
export function writeSealed({ file, commonDir, kind }: SealedFile, body: unknown): void {
  const text = JSON.stringify(body);
  const seal = sealOf(commonDir, Buffer.from(`${kind}\0${text}`)).toString('hex');
  makePrivateDirectory(path.dirname(file));
  replaceFile(file, Buffer.from(`{"seal":"${seal}","body":${text}${TAIL}`), PRIVATE);
}

/** @throws AtomicSnapshotError `DEVS_SEAL_KEY_UNSAFE` */
export function readSealed({ file, commonDir, kind, maxBytes }: SealedFile): SealedContent {
  const bytes = readBounded(file, maxBytes);
  if (bytes === null) return { state: 'absent' };
  const seal = HEAD.exec(bytes.toString('latin1', 0, HEAD_BYTES))?.[1];
  const end = bytes.length - TAIL.length;
  if (seal === undefined || end < HEAD_BYTES || bytes.toString('latin1', end) !== TAIL) return { state: 'foreign' };
  const body = bytes.subarray(HEAD_BYTES, end);
  const sealed = Buffer.concat([Buffer.from(`${kind}\0`), body]);
  if (!isSealed(commonDir, sealed, Buffer.from(seal, 'hex'))) return { state: 'foreign' };
  try {
    return { state: 'sound', body: JSON.parse(body.toString('utf8')) as unknown };
  } catch (error) {
    // Devs seals nothing but JSON: another program has read the key.
    if (error instanceof SyntaxError) return { state: 'foreign' };
    throw error;
  }
}

/** What is no regular file, or too large, has no seal: it counts as an empty one. */
function readBounded(file: string, maxBytes: number): Buffer | null {
  try {
    return readIfThere(file, maxBytes);
  } catch (error) {
    if (codeOf(error) !== 'DEVS_NOT_A_FILE' && codeOf(error) !== 'DEVS_FILE_TOO_LARGE') throw error;
    return Buffer.alloc(0);
  }
}
