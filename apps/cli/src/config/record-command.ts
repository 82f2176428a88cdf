import path from 'node:path';
import { CliError } from '../base/errors.ts';
import { CONFIG_FILE, readProjectFile } from './read-project-file.ts';

/**
 * Whether a snapshot's commit may name the command of its run: `recordCommand` of `devs.json`. A
 * file that cannot be read gets the answer that tells less.
 */
export async function mayRecordCommand(root: string): Promise<boolean> {
  const file = path.join(root, CONFIG_FILE);
  try {
    const bytes = readProjectFile(file, root);
    // Every run asks, almost no file has the setting, and the parser takes longer to load than the
    // search.
    if (bytes === null || !bytes.includes('recordCommand')) return true;
    const { parseJsonTree, property } = await import('./json-tree.ts');
    return property(parseJsonTree(bytes, file).top ?? undefined, 'recordCommand')?.value !== false;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    if (error.code === 'DEVS_CONFIG_UNREADABLE' || error.code === 'DEVS_CONFIG_INVALID') return false;
    throw error;
  }
}
