import path from 'node:path';
import { replaceCache } from '../base/durable.ts';
import { openOptional } from '../base/open-regular.ts';
import type { Repository } from '../git/repository.ts';
import { isSealed, sealOf } from '../git/seal.ts';
import { ByteProofs, type ProofFile } from '../scan/byte-proofs.ts';
import type { Scan, Suspect } from '../scan/scan.ts';
import type { TakeContext } from './take-context.ts';

/** What earlier takes proved of the index's entries; see `ByteProofs`. */
export function loadByteProofs({ repo, git, tracked }: TakeContext): ByteProofs {
  return ByteProofs.load(proofFile(repo), git.index, tracked.entries);
}

/**
 * Proves by its size that a file has its blob's bytes, and returns the files that have to be read.
 * The stat says that the file is what git checked out or added; of another size than its blob, git
 * converted it, and of the same size it did not, except by a filter or an encoding.
 */
export function compareSizes({ store, git, tracked }: TakeContext, scan: Scan, proofs: ByteProofs): Suspect[] {
  const { table } = git.index;
  return scan.unproven.filter((suspect) => {
    const { offset } = tracked.entries[suspect.position]!;
    // Of an object that cannot be measured it is null: the file is read then, and the object
    // written anew.
    const size = store.sizeOf(table.subarray(offset + 40, offset + 60));
    if (size !== suspect.stat.size || scan.conversions.mayKeepSize(suspect.path)) return true;
    proofs.add(suspect.position);
    return false;
  });
}

/** Without it the next take looks at the same files again, and is slower. */
export function saveByteProofs({ repo }: TakeContext, proofs: ByteProofs): void {
  const bytes = proofs.encode((head) => sealOf(repo.commonDir, head));
  if (bytes === null) return;
  const file = path.join(repo.gitDir, 'devs', 'proven-bytes');
  replaceCache(file, bytes);
}

function proofFile({ gitDir, commonDir }: Repository): ProofFile {
  const open = () => openOptional(path.join(gitDir, 'devs', 'proven-bytes'));
  return { open, isSealed: (bytes, seal) => isSealed(commonDir, bytes, seal) };
}
