import path from 'node:path';
import type { BytePath } from '../base/byte-path.ts';
import { readRegularFile } from '../base/regular-file.ts';
import { userFile } from '../git/environment.ts';
import type { Repository } from '../git/repository.ts';
import { linesOf, parsePattern } from './patterns.ts';

/** Line ends and `ident` always change the size of what they change. */
const KEEPS_SIZE = /^(?:filter=.+|working-tree-encoding=.+)$/;

/** Git LFS is on most machines, and its pointers never have the size of what they stand for. */
const CONFIGURED_FILTER = /^filter\.(?!lfs\.).*\.(?:clean|smudge|process)$/s;

/** Git ignores attributes files that are larger, and lines that are longer (attr.h). */
const LIMITS = { limit: 100 * 1024 * 1024, code: 'DEVS_PATTERN_FILE_INVALID' } as const;
const LINE_LIMIT = 2048;

type Test = (path: BytePath) => boolean;

/**
 * Says which files git may store otherwise than they lie on disk although both have the same size:
 * a filter or an encoding may do that. Of all others the size proves whether git converted them.
 * It errs on the side of reading: it ignores a pattern that turns a conversion off again, and where
 * any filter is configured, attributes that are gone may have named it, so every file counts.
 */
export class ConversionRules {
  readonly #everything: boolean;
  readonly #tests: Test[] = [];
  readonly #macros = new Set<string>();

  constructor(repo: Repository) {
    this.#everything = [...repo.config.keys()].some((key) => CONFIGURED_FILTER.test(key));
    const { config, environment, commonDir, root } = repo;
    const global = config.path('core.attributesfile') ?? userFile(environment, 'attributes');
    for (const file of [global, environment.systemAttributes, path.join(commonDir, 'info/attributes')]) {
      if (file !== null) this.add('', readRegularFile(path.resolve(root, file), LIMITS));
    }
  }

  /** Adds the `.gitattributes` of `dir`. */
  add(dir: BytePath, bytes: Buffer | null): void {
    if (bytes === null) return;
    for (const line of linesOf(bytes)) {
      if (line.length < LINE_LIMIT) this.#addLine(dir === '' ? '' : `${dir}/`, line.trim());
    }
  }

  #addLine(base: BytePath, line: string): void {
    const match = /^("(?:[^"\\]|\\.)*"|\S+)\s+(.*)$/.exec(line);
    if (match === null || line.startsWith('#')) return;
    const [, first, attributes] = match;
    if (!attributes!.split(/\s+/).some((word) => KEEPS_SIZE.test(word) || this.#macros.has(word))) return;
    if (first!.startsWith('[attr]')) {
      this.#macros.add(first!.slice('[attr]'.length));
      return;
    }
    // A quoted pattern is rare and C-escaped: taken to match everything below.
    const pattern = first!.startsWith('"') ? null : parsePattern(first!, true);
    this.#tests.push((file) => {
      if (!file.startsWith(base)) return false;
      return pattern === null || pattern.matches(file.slice(base.length), file.slice(file.lastIndexOf('/') + 1));
    });
  }

  mayKeepSize(file: BytePath): boolean {
    return this.#everything || this.#tests.some((test) => test(file));
  }
}
