import fs from 'node:fs';
import process from 'node:process';

/** Whether the lock protects a directory from every process that can reach it. */
export interface DirectoryCheck {
  readonly safe: boolean;
  /** The kind of file system where it is known to be unsafe, else null. */
  readonly fileSystem: string | null;
}

/**
 * `f_type` of statfs(2) of file systems that other machines may share, or that do not promise
 * atomic link(2) and O_EXCL (linux/magic.h and the file systems' own sources).
 */
const SHARED: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'CIFS',
  4266872130: 'SMB2',
  16914839: '9p (a host directory mounted into a virtual machine)',
  1702057286: 'FUSE (sshfs, virtiofs, a Docker Desktop mount)',
  1397113167: 'AFS',
  1799439955: 'AFS',
  12805120: 'CephFS',
  1937076805: 'Coda',
  1952539503: 'OCFS2',
  18225520: 'GFS2',
  198183888: 'Lustre',
  2020557398: 'a VirtualBox shared folder',
  2088527475: 'a Parallels shared folder',
  3133910204: 'a VMware shared folder',
};

/**
 * Knows Linux file systems and Windows network paths; elsewhere it finds nothing, and says `safe`.
 * @throws the error of statfs(2) where `dir` cannot be looked at.
 */
export function checkDirectory(dir: string): DirectoryCheck {
  if (process.platform === 'win32') return named(/^[\\/]{2}[^?.]/.test(dir) ? 'a network path' : null);
  if (process.platform !== 'linux') return named(null);
  return checkType(fs.statfsSync(dir).type);
}

/** Node gives `f_type` as a signed number on some machines. */
export function checkType(type: number): DirectoryCheck {
  return named(SHARED[type >>> 0] ?? null);
}

function named(fileSystem: string | null): DirectoryCheck {
  return { safe: fileSystem === null, fileSystem };
}
