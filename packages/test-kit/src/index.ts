export { fingerprint, isRoot, NOBODY } from './fingerprint.ts';
export { type FuzzReport, type FuzzTarget, fuzz, fuzzTimeout } from './fuzz/fuzz.ts';
export { mutate } from './fuzz/mutate.ts';
export { Random } from './fuzz/random.ts';
export { blob, nested, type RawEntry, sealLine, tree, writeObject } from './raw-objects.ts';
export { type Remote, RemoteTask } from './remote-task.ts';
export { Repo, temporaryDirectory } from './repo.ts';
