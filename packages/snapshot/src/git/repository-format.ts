import path from 'node:path';
import { AtomicSnapshotError, type SnapshotErrorCode } from '../base/errors.ts';
import type { GitConfig } from './config.ts';
import { readConfigFile } from './config-reader.ts';
import type { GitEnvironment } from './environment.ts';

/** What a repository's own files say that decides where its work tree is. */
export interface RepositoryFormat {
  readonly isBare: boolean;
  /** `core.worktree`, as it is written there. */
  readonly workTree: string | null;
}

/** The extensions that git 2.50 knows and that change nothing of what devs reads and writes. */
const HARMLESS: ReadonlySet<string> = new Set([
  'noop',
  'noop-v1',
  'preciousobjects',
  'partialclone',
  'worktreeconfig',
  'relativeworktrees',
]);

/**
 * Reads the format from the repository's configuration file alone, without includes, as git does
 * before it believes in a repository (setup.c, read_repository_format).
 * @throws AtomicSnapshotError `DEVS_SHA256_REPOSITORY`, `DEVS_REFTABLE_REPOSITORY`,
 * `DEVS_REPOSITORY_FORMAT`, `DEVS_CONFIG_INVALID`
 */
export function readRepositoryFormat(gitDir: string, commonDir: string, environment: GitEnvironment): RepositoryFormat {
  const config = readConfigFile(path.join(commonDir, 'config'), environment);
  assertSupported(config, commonDir);
  const isLinked = gitDir !== commonDir;
  // In a linked work tree, only what is said of it alone counts.
  const own = config.bool('extensions.worktreeconfig', false)
    ? readConfigFile(path.join(gitDir, 'config.worktree'), environment)
    : null;
  // Without a version, git believes nothing of the file.
  const main = isLinked || config.get('core.repositoryformatversion') === undefined ? null : config;
  const isBare = own?.bool('core.bare', false) === true || (own?.get('core.bare') === undefined && isBareIn(main));
  return { isBare, workTree: own?.get('core.worktree') ?? main?.get('core.worktree') ?? null };
}

function isBareIn(config: GitConfig | null): boolean {
  return config?.bool('core.bare', false) ?? false;
}

function assertSupported(config: GitConfig, dir: string): void {
  const refuse = (code: SnapshotErrorCode, what: string) =>
    new AtomicSnapshotError(code, `${dir} ${what}`, { data: { path: dir } });
  const object = config.get('extensions.objectformat')?.toLowerCase() ?? 'sha1';
  if (object === 'sha256') {
    throw refuse(
      'DEVS_SHA256_REPOSITORY',
      'uses SHA-256 object names, which devs does not support; nothing was changed',
    );
  }
  const refs = config.get('extensions.refstorage')?.toLowerCase() ?? 'files';
  if (refs.startsWith('reftable')) {
    throw refuse(
      'DEVS_REFTABLE_REPOSITORY',
      'stores its refs as a reftable, which devs does not support; nothing was changed',
    );
  }
  const text = config.get('core.repositoryformatversion') ?? '0';
  const version = /^\s*\d+$/.test(text) ? Number(text) : null;
  if (version !== 0 && version !== 1)
    throw refuse('DEVS_REPOSITORY_FORMAT', `has repository format ${text}; devs knows 0 and 1`);
  for (const key of config.keys()) {
    const extension = /^extensions\.(.*)$/s.exec(key)?.[1];
    if (extension === undefined || HARMLESS.has(extension) || version === 0) continue;
    if (extension === 'objectformat' && object === 'sha1') continue;
    if (extension === 'refstorage' && refs === 'files') continue;
    throw refuse('DEVS_REPOSITORY_FORMAT', `uses the extension ${extension}, which devs does not know`);
  }
}
