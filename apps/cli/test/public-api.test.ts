import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '../../..');

/** The declarations that a package exports, without their comments: what a change of it shows in a diff. */
function publicApi(name: string): string {
  const dist = path.join(root, name, 'dist');
  const withoutComments = (text: string) => text.replace(/\n? *\/\*\*[\s\S]*?\*\//g, '');
  const index = withoutComments(fs.readFileSync(path.join(dist, 'index.d.ts'), 'utf8'));
  const declarations: string[] = [];
  for (const [, word] of index.matchAll(/^export (?:declare )?(?:class|const|function|interface|type) (\w+)/gm)) {
    declarations.push(declarationOf(word!, index, `${name}/index`));
  }
  for (const [, names, file] of index.matchAll(/export (?:type )?\{([^}]*)\} from '(.*?)\.[jt]s'/g)) {
    const text = withoutComments(fs.readFileSync(path.join(dist, `${file}.d.ts`), 'utf8'));
    for (const exported of names!.split(',')) {
      const word = exported.replace(/^\s*type\s/, '').trim();
      if (word !== '') declarations.push(declarationOf(word, text, `${name}/${file}`));
    }
  }
  return `${declarations.sort().join('\n\n')}\n`;
}

/** From its keyword to the end of its block, or of its statement. */
function declarationOf(word: string, text: string, file: string): string {
  const start = text.search(
    new RegExp(`^export (?:declare )?(?:abstract )?(?:class|const|function|interface|type) ${word}\\b`, 'm'),
  );
  if (start === -1) throw new Error(`${word} is not declared in ${file}`);
  const rest = text.slice(start);
  // A block ends with a brace at the margin, anything else with the line before the next statement.
  const end = /^[^\n]*\{\n/.test(rest) ? /\n\};?(?=\n|$)/.exec(rest)! : /;(?=\n\S|\n*$)/.exec(rest)!;
  return rest.slice(0, end.index + end[0].length).trim();
}

test.each(['packages/lock', 'packages/snapshot', 'packages/db', 'apps/cli'])('the public API of %s', async (name) => {
  await expect(publicApi(name)).toMatchFileSnapshot(`__snapshots__/api/${path.basename(name)}.txt`);
});
