import { isSealed, sealOf } from '../git/seal.ts';

const TRAILER = 'Devs-Seal: ';
/** The trailer with 64 hexadecimal digits and the line's end. */
const TRAILER_BYTES = TRAILER.length + 64 + 1;

/** The commit with the last line `Devs-Seal: <hex>`, which seals all bytes before it. */
export function withSeal(commonDir: string, commit: Buffer): Buffer {
  return Buffer.concat([commit, Buffer.from(`${TRAILER}${sealOf(commonDir, commit).toString('hex')}\n`)]);
}

/**
 * Whether this repository sealed the commit, given as its whole bytes.
 * @throws AtomicSnapshotError `DEVS_SEAL_KEY_UNSAFE`
 */
export function hasOwnSeal(commonDir: string, commit: Buffer): boolean {
  const at = commit.length - TRAILER_BYTES;
  if (at < 1 || commit[at - 1] !== 10) return false;
  const seal = /^Devs-Seal: ([0-9a-f]{64})\n$/.exec(commit.toString('latin1', at))?.[1];
  return seal !== undefined && isSealed(commonDir, commit.subarray(0, at), Buffer.from(seal, 'hex'));
}
