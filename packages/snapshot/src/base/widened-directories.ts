import fs from 'node:fs';
import process from 'node:process';
import { type BytePath, parentOf } from './byte-path.ts';
import type { HeldDirectories } from './held-directories.ts';

/** What the owner of a directory needs for changing what is in it. */
const OWNER_ALL = 0o700;

/**
 * Directories that were made accessible for the time of a restore or of a take, such as those of
 * module caches, whose permissions are
 * 0555. Killed in between, the restore that goes on finds the wrong permissions and sets the right
 * ones.
 */
export class WidenedDirectories {
  readonly #tree: HeldDirectories;
  /** Their own permissions, in the order in which they were widened: each after those above it. */
  readonly #modes = new Map<BytePath, number>();

  constructor(tree: HeldDirectories) {
    this.#tree = tree;
  }

  /**
   * Makes `dir`, and all above it, writable where they are this user's own; whether anything
   * changed.
   */
  widen(dir: BytePath): boolean {
    const above = dir === '' ? false : this.widen(parentOf(dir));
    if (!this.#tree.isDirectory(dir)) return above;
    const mode = this.#tree.in(dir, (self) => {
      const stat = fs.statSync(self);
      const isOwn = stat.uid === process.geteuid?.();
      return isOwn && (stat.mode & OWNER_ALL) !== OWNER_ALL ? stat.mode & 0o7777 : null;
    });
    if (mode === null) return above;
    this.#tree.in(dir, (self) => fs.chmodSync(self, mode | OWNER_ALL));
    if (!this.#modes.has(dir)) this.#modes.set(dir, mode);
    return true;
  }

  /** `dir` is gone, or has the permissions that it should have. */
  forget(dir: BytePath): void {
    this.#modes.delete(dir);
  }

  settle(): void {
    for (const [dir, mode] of [...this.#modes].reverse()) {
      if (this.#tree.isDirectory(dir)) this.#tree.in(dir, (self) => fs.chmodSync(self, mode));
    }
    this.#modes.clear();
  }
}
