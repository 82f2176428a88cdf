import { AtomicSnapshotError } from '../base/errors.ts';
import type { Assignment } from './config-syntax.ts';
import type { GitEnvironment } from './environment.ts';

/**
 * The configuration that the environment holds: `GIT_CONFIG_COUNT` and its pairs, then
 * `GIT_CONFIG_PARAMETERS` (git-config(1), ENVIRONMENT). @throws AtomicSnapshotError
 * `DEVS_CONFIG_INVALID` where git refuses.
 */
export function* commandConfig(environment: GitEnvironment): Generator<Assignment> {
  const { configCount, configPairs, configParameters } = environment;
  if (configCount !== null) {
    if (!/^\s*\+?\d*$/.test(configCount) || Number(configCount) > 0x7fff_ffff) {
      throw bad(`GIT_CONFIG_COUNT is '${configCount}', which is no count`);
    }
    const count = Number(configCount);
    for (let i = 0; i < count; i++) {
      yield { key: canonicalKey(pairPart(configPairs, 'KEY', i)), value: pairPart(configPairs, 'VALUE', i) };
    }
  }
  if (configParameters !== null) yield* parseParameters(configParameters);
}

function pairPart(pairs: ReadonlyMap<string, string>, part: 'KEY' | 'VALUE', i: number): string {
  const name = `GIT_CONFIG_${part}_${i}`;
  const value = pairs.get(name);
  if (value === undefined) throw bad(`GIT_CONFIG_COUNT asks for ${name}, which is not set`);
  return value;
}

/**
 * Words as a shell quotes them: `'key'='value'`, `'key'=` for a key that stands alone, or the older
 * `'key=value'`.
 */
function* parseParameters(text: string): Generator<Assignment> {
  const end = () => bad('GIT_CONFIG_PARAMETERS is not quoted as git quotes it');
  let rest = text.trimStart();
  while (rest !== '') {
    const [key, afterKey] = dequote(rest, end);
    if (!afterKey.startsWith('=')) {
      if (afterKey !== '' && !/^\s/.test(afterKey)) throw end();
      yield parseOldParameter(key);
      rest = afterKey.trimStart();
      continue;
    }
    const value = afterKey.slice(1);
    if (value === '' || /^\s/.test(value)) {
      yield { key: canonicalKey(key), value: null };
      rest = value.trimStart();
      continue;
    }
    const [quoted, afterValue] = dequote(value, end);
    if (afterValue !== '' && !/^\s/.test(afterValue)) throw end();
    yield { key: canonicalKey(key), value: quoted };
    rest = afterValue.trimStart();
  }
}

/** One quoted word at the start of `text`, and what follows it. */
function dequote(text: string, end: () => Error): [word: string, rest: string] {
  // Quotes and exclamation marks stand outside of the quotes, after a backslash.
  const match = /^'[^']*'(?:\\['!]'[^']*')*/.exec(text);
  if (match === null) throw end();
  const word = match[0].slice(1, -1).replace(/'\\(['!])'/g, '$1');
  return [word, text.slice(match[0].length)];
}

function parseOldParameter(text: string): Assignment {
  const equals = text.indexOf('=');
  if (equals === -1) return { key: canonicalKey(text.trim()), value: null };
  return { key: canonicalKey(text.slice(0, equals).trim()), value: text.slice(equals + 1) };
}

/** Section and key in lower case, the subsection between them as it is. */
function canonicalKey(key: string): string {
  const [, section, subsection, name] = /^([A-Za-z0-9-]+)(\.[^\n]*)?\.([A-Za-z][A-Za-z0-9-]*)$/s.exec(key) ?? [];
  if (section === undefined || name === undefined) {
    throw bad(`the environment holds '${key}', which is no key of the git configuration`);
  }
  return `${section.toLowerCase()}${subsection ?? ''}.${name.toLowerCase()}`;
}

function bad(what: string): AtomicSnapshotError {
  return new AtomicSnapshotError('DEVS_CONFIG_INVALID', what, { hint: ['env'] });
}
