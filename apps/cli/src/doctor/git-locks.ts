import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { formatAge } from '../base/units.ts';
import type { Check, Finding } from './finding.ts';

/** No git command holds one of these for so long, except while an editor waits for its user. */
const ABANDONED_AFTER_MS = 600_000;

/**
 * git's own locks. One that a killed git left behind makes every later git command fail, and every
 * restore.
 */
export const gitLocks: Check = ({ repo }) => {
  const files = [
    ...['index', 'HEAD'].map((name) => path.join(repo.gitDir, `${name}.lock`)),
    ...['packed-refs', 'config', 'shallow'].map((name) => path.join(repo.commonDir, `${name}.lock`)),
  ];
  const found = files.filter((file) => fs.lstatSync(file, { throwIfNoEntry: false })?.isFile() === true);
  if (found.length === 0) return [{ check: 'git locks', ok: true, message: 'none left behind' }];
  return found.map((file) => describe(file, repo.gitDir));
};

function describe(file: string, gitDir: string): Finding {
  const { mtime } = fs.lstatSync(file);
  const message = `${file}, ${formatAge(mtime.toISOString())}: git is at work, or was killed`;
  const isAbandoned = Date.now() - mtime.getTime() > ABANDONED_AFTER_MS && isOpenNowhere(file);
  if (!isAbandoned) return { check: 'git locks', ok: false, message, hint: ['ls', '-l', file] };
  return { check: 'git locks', ok: false, message, fix: () => `moved to ${setAside(file, gitDir)}` };
}

/** Moved, not deleted: it may hold what was being staged. */
function setAside(file: string, gitDir: string): string {
  const to = path.join(gitDir, 'devs', `${path.basename(file)}.${new Date().toISOString().replace(/[-:.]/g, '')}`);
  fs.mkdirSync(path.dirname(to), { recursive: true });
  fs.renameSync(file, to);
  return to;
}

/** Known on Linux only; elsewhere the answer is no. */
function isOpenNowhere(file: string): boolean {
  if (process.platform !== 'linux') return false;
  const real = fs.realpathSync(file);
  return !fs.readdirSync('/proc').some((pid) => /^\d+$/.test(pid) && openFiles(pid).includes(real));
}

function openFiles(pid: string): string[] {
  try {
    const dir = `/proc/${pid}/fd`;
    return fs.readdirSync(dir).map((fd) => fs.readlinkSync(`${dir}/${fd}`));
  } catch (error) {
    // Ended since, or another user's.
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(code)) return [];
    throw error;
  }
}
