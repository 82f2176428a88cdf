export { fingerprint, isRoot, NOBODY } from './fingerprint.ts';
export { type Remote, RemoteTask } from './remote-task.ts';
export { Repo, temporaryDirectory } from './repo.ts';
