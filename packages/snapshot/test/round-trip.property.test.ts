import fs from 'node:fs';
import path from 'node:path';
import { fingerprint, Repo } from '@devs/test-kit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AtomicSnapshot, AtomicSnapshotError } from '../src/index.ts';

/** `DEVS_TEST_CASES=5000 pnpm --filter @devs/snapshot test` for more. */
const CASES = Number(process.env.DEVS_TEST_CASES ?? 300);

const NAMES = ['a', 'b', 'd', 'd/a', 'd/e', 'd/e/f', 'x.log', '.gitignore', 'd/.gitignore', 'ü', 'we ird\n"name'];
const CONTENTS = ['', 'one\n', 'two\n', 'crlf\r\n', '*.log\n', 'a\nd/\n', '!x.log\n'];
const MODES = [0o644, 0o755, 0o600, 0o400, 0o664];

type Operation = readonly [kind: string, ...args: unknown[]];

const name = fc.constantFrom(...NAMES);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('write'), name, fc.constantFrom(...CONTENTS)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('remove'), name) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('chmod'), name, fc.constantFrom(...MODES)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('symlink'), name, fc.constantFrom('a', '/nowhere', 'd', '..')) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('mkdir'), name) },
  {
    weight: 4,
    arbitrary: fc.tuple(
      fc.constant('git'),
      fc.constantFrom('add -A', 'add -u', 'commit -qam x', 'commit -q --allow-empty -m y'),
    ),
  },
  {
    weight: 5,
    arbitrary: fc.tuple(
      fc.constant('git-path'),
      fc.constantFrom(
        'add -f',
        'add -N',
        'rm -q --cached -r',
        'rm -qrf',
        'checkout -q HEAD',
        'reset -q',
        'update-index --assume-unchanged',
        'update-index --skip-worktree',
      ),
      name,
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(
      fc.constant('git'),
      fc.constantFrom(
        'checkout -q -b other',
        'checkout -qf main',
        'checkout -qf other',
        'checkout -q --detach',
        'merge -q other',
        'merge -q main',
        'cherry-pick other',
        'rebase -q main',
        'rebase --abort',
        'stash -qu',
        'stash pop -q',
        'reset -q --hard HEAD~1',
        'commit -q --amend -m amended',
        'branch -D other',
        'branch -D main',
        'clean -fdq',
        'gc -q --prune=now',
        'update-index --index-version 4',
        'status',
      ),
    ),
  },
);

/**
 * Whether what is at `file`, or would be, lies outside of the repository: a generated link may lead to
 * the directory that all tests of a run share, or to the machine's own.
 */
function leadsOutside(repo: Repo, file: string): boolean {
  let real: string;
  try {
    real = fs.realpathSync(file);
  } catch {
    // A link that leads nowhere would be written through; what is not there is judged by its directory.
    if (fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined) return true;
    return leadsOutside(repo, path.dirname(file));
  }
  return real !== repo.dir && !real.startsWith(`${repo.dir}/`);
}

function apply(repo: Repo, [kind, ...args]: Operation): void {
  const file = repo.path(String(args[0]));
  try {
    const isOfLink = kind === 'remove' || kind === 'symlink';
    if (!kind.startsWith('git') && leadsOutside(repo, isOfLink ? path.dirname(file) : file)) return;
    if (kind === 'write')
      repo.write(String(args[0]), String(args[1]), fs.existsSync(file) ? fs.statSync(file).mode & 0o7777 : 0o644);
    else if (kind === 'remove') fs.rmSync(file, { recursive: true });
    else if (kind === 'chmod') fs.chmodSync(file, Number(args[1]));
    else if (kind === 'symlink') {
      fs.rmSync(file, { recursive: true, force: true });
      fs.symlinkSync(String(args[1]), file);
    } else if (kind === 'mkdir') fs.mkdirSync(file, { recursive: true });
    else if (kind === 'git') repo.git('-c', 'core.editor=true', ...String(args[0]).split(' '));
    else repo.git(...String(args[0]).split(' '), '--', String(args[1]));
  } catch {
    // Not every operation is possible in every state; what is impossible changes nothing, or half of it: all the same.
  }
}

/** Files that git ignores and does not track: those a snapshot does not hold. */
function ignoredFiles(repo: Repo): string[] {
  return repo.git('ls-files', '-zoi', '--exclude-standard').split('\0').filter(Boolean);
}

/** Without ignored files, and without the directories that are ignored or hold them. */
function without(lines: readonly string[], ignored: readonly string[], isIgnored: (path: string) => boolean): string[] {
  return lines.filter((line) => {
    const match = /^(file|dir|link) (.+?)(?: [0-7]+(?: [0-9a-f]{40})?| \S+)$/s.exec(line);
    if (match === null) return true;
    const path = Buffer.from(match[2]!, 'latin1').toString('utf8');
    if (match[1] === 'dir' && isIgnored(path)) return false;
    return !ignored.some((file) => file === path || file.startsWith(`${path}/`));
  });
}

/** What git says of a path by the rules in force now. */
function checkIgnore(repo: Repo): (path: string) => boolean {
  return (path) => {
    try {
      repo.git('check-ignore', '-q', '--no-index', '--', path);
      return true;
    } catch (error) {
      if ((error as { status?: number }).status === 1) return false;
      throw error;
    }
  };
}

test(`restore(take(S)) is S, byte for byte, mode for mode, index byte for index byte (${CASES} generated cases)`, {
  timeout: CASES * 2_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(operation, { maxLength: 14 }),
      fc.array(operation, { maxLength: 10 }),
      async (setUp, task) => {
        const repo = Repo.create();
        try {
          repo.write('a', 'base\n');
          repo.write('d/e/f', 'base\n');
          repo.commitAll('base');
          for (const step of setUp) apply(repo, step);
          const ignored = ignoredFiles(repo);
          const before = fingerprint(repo);
          const ref = await AtomicSnapshot.take(repo.dir, 'case');
          expect(fingerprint(repo)).toEqual(before);
          for (const step of task) apply(repo, step);
          const wrecked = fingerprint(repo);
          try {
            await AtomicSnapshot.restore(repo.dir, ref);
          } catch (error) {
            // The one way out that is allowed: an ignored file stands in the way, and nothing was touched.
            if (!(error instanceof AtomicSnapshotError) || error.code !== 'DEVS_RESTORE_OBSTRUCTED') throw error;
            expect(fingerprint(repo)).toEqual(wrecked);
            return;
          }
          const spared = [...ignored, ...ignoredFiles(repo)];
          const isIgnored = checkIgnore(repo);
          expect(without(fingerprint(repo), spared, isIgnored)).toEqual(without(before, spared, isIgnored));
          expect(repo.git('fsck', '--no-dangling', '--no-progress')).toBe('');
        } finally {
          fs.rmSync(path.resolve(repo.dir), { recursive: true, force: true });
        }
      },
    ),
    { numRuns: CASES },
  );
});
