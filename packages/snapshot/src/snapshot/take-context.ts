import type { Repository } from '../git/repository.ts';
import type { ObjectStore } from '../objects/object-store.ts';
import type { ObjectWriter } from '../objects/object-writer.ts';
import type { OutsideIgnores } from '../scan/ignore-rules.ts';
import type { TrackedFiles } from '../scan/tracked-files.ts';
import type { Lack } from './manifest.ts';
import type { GitState } from './read-git-state.ts';
import type { TakeExtras, TakeOptions } from './take-options.ts';

/** What the caller asks for. */
export interface TakeRequest {
  readonly label: string;
  readonly options: TakeOptions;
  readonly extras: TakeExtras;
}

/** What one attempt at a snapshot carries from step to step. */
export interface TakeContext extends TakeRequest {
  readonly repo: Repository;
  readonly store: ObjectStore;
  readonly writer: ObjectWriter;
  /** Git's own files as they were when the attempt began. */
  readonly git: GitState;
  readonly tracked: TrackedFiles;
  readonly ignores: OutsideIgnores;
  /** What could not be read; null where a take fails at it. */
  readonly lacks: Lack[] | null;
}
