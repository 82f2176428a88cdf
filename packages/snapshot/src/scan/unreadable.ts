import { type BytePath, toText } from '../base/byte-path.ts';
import { AtomicSnapshotError, codeOf } from '../base/errors.ts';
import { HeldDirectories } from '../base/held-directories.ts';
import { WidenedDirectories } from '../base/widened-directories.ts';

/** What a take may do about files and directories that it cannot read. */
export interface ReadingPolicy {
  /**
   * Makes what is this user's own readable for that time. A take that only looks never does: it
   * changes nothing in the work tree.
   */
  readonly mayWiden: boolean;
  /** What could not be read is added here; null where the take fails at it. */
  readonly lacks: { what: string; why: string }[] | null;
}

/** The files and directories of one take that could not be read at once. */
export class UnreadableFiles implements Disposable {
  readonly mayWiden: boolean;
  readonly #root: string;
  readonly #lacks: ReadingPolicy['lacks'];
  #tree: HeldDirectories | null = null;
  #widened: WidenedDirectories | null = null;

  constructor(root: string, { mayWiden, lacks }: ReadingPolicy) {
    this.#root = root;
    this.mayWiden = mayWiden;
    this.#lacks = lacks;
  }

  /**
   * Makes `dir` and all above it accessible until the take is over; whether that changed anything.
   */
  widen(dir: BytePath, error: unknown): boolean {
    if (!this.mayWiden || codeOf(error) !== 'EACCES') return false;
    this.#tree ??= new HeldDirectories(this.#root);
    this.#widened ??= new WidenedDirectories(this.#tree);
    return this.#widened.widen(dir);
  }

  /**
   * @throws AtomicSnapshotError `DEVS_UNREADABLE`, `DEVS_NAME_TOO_LONG` where the take fails at it.
   */
  note(path: BytePath, cause: unknown): void {
    const error = unreadable(this.#root, path, cause);
    if (this.#lacks === null) throw error;
    this.#lacks.push({ what: toText(path), why: `it cannot be read (${codeOf(cause)})` });
  }

  [Symbol.dispose](): void {
    this.#widened?.settle();
    this.#tree?.[Symbol.dispose]();
  }
}

function unreadable(root: string, path: BytePath, cause: unknown): AtomicSnapshotError {
  const name = path === '' ? root : `${root}/${toText(path)}`;
  const code = codeOf(cause) === 'ENAMETOOLONG' ? 'DEVS_NAME_TOO_LONG' : 'DEVS_UNREADABLE';
  return new AtomicSnapshotError(code, `cannot read ${name}: ${codeOf(cause)}; no snapshot was taken`, {
    hint: ['ls', '-ld', name],
    data: { path: name },
    cause,
  });
}
