// isomorphic-git's own stash: tracked files only, and it loses modes and links.
import fs from 'node:fs';
import git from 'isomorphic-git';

export async function isomorphicStash(dir) {
  const author = { name: 'b', email: 'b@b' };
  for (const [path, value] of [
    ['user.name', author.name],
    ['user.email', author.email],
  ]) {
    await git.setConfig({ fs, dir, path, value });
  }
  await git.stash({ fs, dir, op: 'push' });
  await git.stash({ fs, dir, op: 'pop' });
}
