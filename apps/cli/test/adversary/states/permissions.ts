import { type State, state } from './state.ts';

/** Modes and owners. */
export const PERMISSIONS: readonly State[] = [
  state(
    'private files',
    'base; chmod 600 a.txt dir/c.txt; chmod 700 dir; umask 077; echo u >u.txt; mkdir private; echo p >private/p.txt',
  ),
  state('read-only files', 'base; chmod 400 a.txt; chmod 444 dir/c.txt; echo u >u.txt; chmod 400 u.txt'),
  state('all private', 'umask 077; base; work'),
  state('group-writable', 'umask 002; base; work'),
  state('read-only directory, tracked', 'base; chmod 555 dir; echo u >u.txt'),
  state(
    'read-only directories, untracked (a module cache)',
    'base; mkdir -p cache/m@1/n; echo c >cache/m@1/c.go; echo c >cache/m@1/n/c.go; chmod 444 cache/m@1/c.go; chmod 555 cache/m@1/n cache/m@1',
  ),
  state('read-only root', 'base; work; chmod 555 .', { mayRefuse: 'the root cannot be written' }),
  state('unreadable untracked file', 'base; echo u >u.txt; chmod 000 u.txt', { mayRefuse: 'a file cannot be read' }),
  state('unreadable tracked file, clean', 'base; chmod 000 a.txt', { mayRefuse: 'a file cannot be read' }),
  state('unreadable directory', 'base; mkdir locked; echo l >locked/l.txt; chmod 000 locked', {
    mayRefuse: 'a directory cannot be read',
  }),
  state('sticky and setgid', 'base; mkdir t; chmod 1777 t; echo t >t/t.txt; chmod 2775 dir'),
  state('setuid file', 'base; echo s >s.bin; chmod 4755 s.bin; chmod 2755 script.sh'),
  state('core.fileMode off', 'base; git config core.fileMode false; chmod +x a.txt; chmod -x script.sh; work'),
  state('files of root', 'base; work', { asRoot: 'chown 0:0 a.txt untracked.txt' }),
  state('directory of root', 'base; work', { asRoot: 'chown -R 0:0 dir' }),
  state(
    'read-only objects',
    'base; work; find .git/objects -type f -exec chmod 444 {} +; chmod 444 .git/index .git/HEAD',
  ),
];
