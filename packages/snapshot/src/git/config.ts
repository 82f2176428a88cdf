import os from 'node:os';
import path from 'node:path';
import { readTextIfThere } from '../base/durable.ts';
import { conditionHolds } from './config-conditions.ts';

/** Git configuration values by `section.key` or `section.subsection.key`; section and key in lower case. */
export class GitConfig {
  readonly #values = new Map<string, string[]>();
  readonly #gitDir: string;

  /** `gitDir`: what conditional includes ask about. */
  constructor(gitDir: string) {
    this.#gitDir = gitDir;
  }

  get(key: string): string | undefined {
    return this.#values.get(key)?.at(-1);
  }

  /** All values of a key, in git's order. */
  all(key: string): readonly string[] {
    return this.#values.get(key) ?? [];
  }

  keys(): Iterable<string> {
    return this.#values.keys();
  }

  /** Git's booleans; a key without a value is true. */
  bool(key: string, fallback: boolean): boolean {
    const value = this.get(key)?.toLowerCase();
    if (value === undefined) return fallback;
    return !['false', 'no', 'off', '0', ''].includes(value);
  }

  /** A value that is a path: `~/` means the home directory. */
  path(key: string): string | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : expandHome(value);
  }

  /** Later values win, and files read later win over files read earlier. */
  readFile(file: string, depth = 0): void {
    const text = readTextIfThere(file);
    if (text === null) return;
    for (const [key, value] of parseConfig(text)) {
      const condition = /^includeif\.(.*)\.path$/s.exec(key)?.[1];
      if (key === 'include.path' || condition !== undefined) {
        const holds = condition === undefined || conditionHolds(condition, file, this.#gitDir);
        // Git's own limit on nested includes.
        if (holds && depth < 10) this.readFile(path.resolve(path.dirname(file), expandHome(value)), depth + 1);
      } else {
        const all = this.#values.get(key);
        if (all === undefined) this.#values.set(key, [value]);
        else all.push(value);
      }
    }
  }
}

function expandHome(value: string): string {
  return value.startsWith('~/') ? path.join(os.homedir(), value.slice(2)) : value;
}

/** Reads system, user and repository configuration, in git's order. */
export function readConfig(commonDir: string, gitDir: string): GitConfig {
  const config = new GitConfig(gitDir);
  config.readFile('/etc/gitconfig');
  config.readFile(path.join(os.homedir(), '.config/git/config'));
  config.readFile(path.join(os.homedir(), '.gitconfig'));
  config.readFile(path.join(commonDir, 'config'));
  if (config.bool('extensions.worktreeconfig', false)) config.readFile(path.join(gitDir, 'config.worktree'));
  return config;
}

/** The syntax of git-config(1): sections, quoted subsections, quoted values, comments and continued lines. */
function* parseConfig(text: string): Generator<[string, string]> {
  let section = '';
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  for (let i = 0; i < lines.length; i++) {
    let line = lines[i]!.trim();
    const header = /^\[\s*([A-Za-z0-9.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]/.exec(line);
    if (header !== null) {
      const subsection = header[2]?.replace(/\\(.)/g, '$1');
      section = header[1]!.toLowerCase() + (subsection === undefined ? '' : `.${subsection}`);
      line = line.slice(header[0].length).trim();
    }
    const assignment = /^([A-Za-z][A-Za-z0-9-]*)\s*(?:=\s*(.*))?$/.exec(line);
    if (assignment === null) continue;
    let raw = assignment[2];
    while (raw !== undefined && /(?:^|[^\\])(?:\\\\)*\\$/.test(raw)) raw = raw.slice(0, -1) + (lines[++i] ?? '');
    yield [`${section}.${assignment[1]!.toLowerCase()}`, raw === undefined ? 'true' : unquote(raw)];
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', b: '\b' };

function unquote(raw: string): string {
  let out = '';
  let kept = 0;
  let quoted = false;
  for (let i = 0; i < raw.length; i++) {
    const char = raw[i]!;
    if (char === '"') quoted = !quoted;
    else if (!quoted && (char === '#' || char === ';')) break;
    else if (char === '\\') {
      const next = raw[++i] ?? '';
      out += ESCAPES[next] ?? next;
    } else out += char;
    if (quoted || !/\s/.test(char)) kept = out.length;
  }
  return out.slice(0, kept);
}
