// The environment of both sides, the same and a small one: what a machine sets for other purposes is not what is measured.
// (NODE_EXTRA_CA_CERTS alone costs Node 20 as much as its whole start.) DEVS_BENCH_INHERIT=1 adds the caller's.
import os from 'node:os';
import process from 'node:process';

export const environment = {
  ...(process.env.DEVS_BENCH_INHERIT === '1' ? process.env : {}),
  PATH: process.env.PATH,
  HOME: os.tmpdir(),
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'b',
  GIT_AUTHOR_EMAIL: 'b@b',
  GIT_COMMITTER_NAME: 'b',
  GIT_COMMITTER_EMAIL: 'b@b',
};
