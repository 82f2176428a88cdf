import fs from 'node:fs';
import path from 'node:path';
import { readIfThere, replaceFile } from '../base/durable.ts';
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

/** Writes `{"seal":"<hex>","body":<body>}`. The seal covers the kind, a NUL byte, and the body's bytes. */
export function writeSealed({ file, commonDir, kind }: SealedFile, body: unknown): void {
  const text = JSON.stringify(body);
  const seal = sealOf(commonDir, Buffer.from(`${kind}\0${text}`)).toString('hex');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  replaceFile(file, Buffer.from(`{"seal":"${seal}","body":${text}${TAIL}`));
}

/** @throws AtomicSnapshotError `DEVS_SEAL_KEY_UNSAFE` */
export function readSealed({ file, commonDir, kind, maxBytes }: SealedFile): SealedContent {
  const stat = fs.lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return { state: 'absent' };
  const bytes = stat.isFile() && stat.size <= maxBytes ? readIfThere(file) : Buffer.alloc(0);
  if (bytes === null) return { state: 'absent' };
  const seal = HEAD.exec(bytes.toString('latin1', 0, HEAD_BYTES))?.[1];
  const end = bytes.length - TAIL.length;
  if (seal === undefined || end < HEAD_BYTES || bytes.toString('latin1', end) !== TAIL) return { state: 'foreign' };
  const body = bytes.subarray(HEAD_BYTES, end);
  const sealed = Buffer.concat([Buffer.from(`${kind}\0`), body]);
  if (!isSealed(commonDir, sealed, Buffer.from(seal, 'hex'))) return { state: 'foreign' };
  return { state: 'sound', body: JSON.parse(body.toString('utf8')) as unknown };
}
