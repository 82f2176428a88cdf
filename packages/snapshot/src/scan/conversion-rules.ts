import os from 'node:os';
import path from 'node:path';
import type { BytePath } from '../base/byte-path.ts';
import { readIfThere } from '../base/durable.ts';
import type { Repository } from '../git/repository.ts';
import { linesOf, parsePattern } from './patterns.ts';

const CONVERTS = /^(?:text|crlf|ident|filter=.+|text=.+|eol=.+|crlf=.+|working-tree-encoding=.+)$/;

type Test = (path: BytePath) => boolean;

/**
 * Which files git may store otherwise than they lie on disk (line ends, filters, encodings). For those the index's blob
 * says nothing about the bytes on disk, so they are read. Errs on the side of reading: a pattern that turns a
 * conversion off again is not considered.
 */
export class ConversionRules {
  readonly #everything: boolean;
  readonly #tests: Test[] = [];
  readonly #macros = new Set<string>();

  constructor(repo: Repository) {
    const autocrlf = repo.config.get('core.autocrlf')?.toLowerCase();
    this.#everything = autocrlf === 'input' || repo.config.bool('core.autocrlf', false);
    const global = repo.config.path('core.attributesfile') ?? path.join(os.homedir(), '.config/git/attributes');
    for (const file of [global, '/etc/gitattributes', path.join(repo.commonDir, 'info/attributes')]) {
      this.add('', readIfThere(file));
    }
  }

  /** Adds the `.gitattributes` of `dir`. */
  add(dir: BytePath, bytes: Buffer | null): void {
    if (bytes === null) return;
    for (const line of linesOf(bytes)) this.#addLine(dir === '' ? '' : `${dir}/`, line.trim());
  }

  #addLine(base: BytePath, line: string): void {
    const match = /^("(?:[^"\\]|\\.)*"|\S+)\s+(.*)$/.exec(line);
    if (match === null || line.startsWith('#')) return;
    const [, first, attributes] = match;
    if (!attributes!.split(/\s+/).some((word) => CONVERTS.test(word) || this.#macros.has(word))) return;
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

  mayConvert(file: BytePath): boolean {
    return this.#everything || this.#tests.some((test) => test(file));
  }
}
