// Every example in the documentation is run: sessions are typed, programs are run, JSON is read.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { Repo, temporaryDirectory } from '@devs/test-kit';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { findTask } from '../src/config/tasks-file.ts';
import { BIN } from './devs.ts';

const root = path.join(import.meta.dirname, '../../..');

interface Block {
  readonly file: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && !file.startsWith('.changeset'));

function blocksOf(file: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; language: string; lines: string[] } | null = null;
  const lines = fs.readFileSync(path.join(root, file), 'utf8').split('\n');
  for (const [i, line] of lines.entries()) {
    if (!line.startsWith('```')) open?.lines.push(line);
    else if (open === null) open = { line: i + 1, language: line.slice(3).trim(), lines: [] };
    else {
      blocks.push({ file, line: open.line, language: open.language, text: open.lines.join('\n') });
      open = null;
    }
  }
  return blocks;
}

const blocks = files.flatMap(blocksOf);
/** The sessions of a file are one: what the first leaves, the second finds. */
const sessions: [file: string, blocks: Block[]][] = files
  .map((file): [string, Block[]] => [file, blocksOf(file).filter(({ language }) => language === 'console')])
  .filter(([, ofFile]) => ofFile.length > 0);

/** What the sessions call: stand-ins for the tools of the reader. */
const TOOLS: Readonly<Record<string, string>> = {
  devs: `exec "${process.execPath}" "${BIN}" "$@"`,
  agent: "sed -i.bak 's/price/cost/' cart.js && rm cart.js.bak",
  codemod: 'sed -i.bak "s/$1/$2/" cart.js && rm cart.js.bak',
  migrate: "sed -i.bak 's/3/4/' cart.js && rm cart.js.bak; echo 1 > schema.version",
  'some-codemod': 'exit 1',
};

/** A small project with work in progress, and the tools on the path. */
function playground(): { repo: Repo; env: NodeJS.ProcessEnv } {
  const bin = temporaryDirectory();
  for (const [name, body] of Object.entries(TOOLS)) {
    fs.writeFileSync(path.join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  }
  const repo = Repo.create();
  const scripts = { lint: 'node --check cart.js', test: 'node cart.test.js' };
  repo.write('cart.js', 'export const price = (items) => items.length * 3;\n');
  repo.write(
    'cart.test.js',
    "import { price } from './cart.js';\nif (price([1, 2]) !== 6 || process.env.FAIL) process.exit(1);\n",
  );
  repo.write('package.json', `${JSON.stringify({ type: 'module', scripts })}\n`);
  repo.commitAll('a shop');
  repo.write('notes.txt', 'these exist nowhere else\n');
  const PATH = [bin, path.dirname(process.execPath), process.env.PATH].join(path.delimiter);
  return {
    repo,
    env: { PATH, HOME: '/nonexistent', npm_config_loglevel: 'silent', npm_config_update_notifier: 'false' },
  };
}

/** A line of a session as a pattern: `...` stands for anything. */
function pattern(line: string): RegExp {
  const escaped = line.split('...').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`, 'm');
}

describe('sessions', () => {
  test.each(sessions)('%s', { timeout: 120_000 }, (_, ofFile) => {
    const { repo, env } = playground();
    for (const { text, file, line } of ofFile) {
      for (const step of text.split(/^\$ /m).filter(Boolean)) {
        const [words, ...expected] = step.trimEnd().split('\n');
        const [command, comment = ''] = words!.split(/ {2,}# /);
        const exit = Number(/^exit (\d+)$/.exec(comment)?.[1] ?? 0);
        const { status, stdout, stderr } = spawnSync('sh', ['-c', `{ ${command}\n} 2>&1`], {
          cwd: repo.dir,
          env,
          encoding: 'utf8',
        });
        expect(status, `${file}:${line}: ${command}\n${stdout}${stderr}`).toBe(exit);
        for (const said of expected) expect(stdout, `${file}:${line}: ${command}`).toMatch(pattern(said));
      }
    }
  });
});

describe('programs', () => {
  const programs = blocks.filter(({ language }) => language === 'ts');

  test.each(programs)('$file:$line', { timeout: 60_000 }, async ({ text, file, line }) => {
    const { repo, env } = playground();
    const outfile = path.join(
      import.meta.dirname,
      `../node_modules/.cache/devs-docs/${path.basename(file)}-${line}.mjs`,
    );
    await build({
      stdin: { contents: text, resolveDir: import.meta.dirname, loader: 'ts' },
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20.19',
      conditions: ['devs-source'],
      alias: { '@devs/cli': path.join(import.meta.dirname, '../src/index.ts') },
      external: ['better-sqlite3'],
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    });
    const stdout = execFileSync(process.execPath, [outfile], { cwd: repo.dir, env, encoding: 'utf8' });
    const expected = [...text.matchAll(/^\/\/ prints: (.*)$/gm)].map((match) => match[1]);
    if (expected.length > 0) expect(stdout.trimEnd().split('\n')).toEqual(expected);
  });
});

test('settings are what devs.json may say', () => {
  const examples = blocks.filter(({ language }) => language === 'jsonc');
  expect(examples).toHaveLength(1);
  const repo = Repo.create();
  repo.write('devs.json', examples[0]!.text);
  expect(findTask('upgrade', repo.dir, repo.dir)).toMatchObject({ onFailure: 'restore', timeout: 600_000 });
});

test('there is no other kind of example: what is left are the set-up commands and pictures', () => {
  const left = blocks.filter(({ language }) => !['console', 'ts', 'jsonc'].includes(language));
  for (const { file, line, language, text } of left) {
    if (language === '') continue;
    // These two are what CI and a fresh clone run.
    expect(language, `${file}:${line}`).toBe('sh');
    for (const command of text.split('\n'))
      expect(command).toMatch(/^npx -y pnpm@[\d.]+ (test|devs run -- git status)\b/);
  }
});

test('links lead somewhere', () => {
  for (const file of files) {
    const text = fs.readFileSync(path.join(root, file), 'utf8');
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)) {
      expect(fs.existsSync(path.join(root, path.dirname(file), target!)), `${file}: ${target}`).toBe(true);
    }
  }
});
