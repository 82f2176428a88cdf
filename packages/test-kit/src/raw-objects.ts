// Objects that git's porcelain never writes, made with its plumbing: the raw material of attacks.
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import type { Repo } from './repo.ts';

/** One entry of a raw tree. */
export type RawEntry = readonly [mode: string, name: string, oid: string];

export function writeObject(repo: Repo, type: string, body: Uint8Array | string): string {
  const args = ['hash-object', '-t', type, '-w', '--literally', '--stdin'];
  return execFileSync('git', args, { cwd: repo.dir, input: body, encoding: 'utf8' }).trim();
}

export const blob = (repo: Repo, text: Uint8Array | string): string => writeObject(repo, 'blob', text);

/** A tree of exactly these entries, in this order, whatever git thinks of them. */
export function tree(repo: Repo, ...entries: readonly RawEntry[]): string {
  const parts = entries.map(([mode, name, oid]) =>
    Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, 'hex')]),
  );
  return writeObject(repo, 'tree', Buffer.concat(parts));
}

/** Directories around `inner`, one in the other. */
export function nested(repo: Repo, names: readonly string[], inner: string): string {
  return names.reduceRight((oid, name) => tree(repo, ['40000', name, oid]), inner);
}

/** The format's seal, made independently: HMAC-SHA256 over all bytes before its line. */
export function sealLine(repo: Repo, commit: string): string {
  const key = fs.readFileSync(repo.path('.git/devs/seal.key'));
  return `Devs-Seal: ${createHmac('sha256', key).update(commit).digest('hex')}\n`;
}
