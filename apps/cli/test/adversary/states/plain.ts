import { type State, state } from './state.ts';

/** What is staged, changed, untracked, and how much of it. */
export const PLAIN: readonly State[] = [
  state('clean', 'base'),
  state('work in progress', 'base; work'),
  state('no commit, nothing', 'git init -q -b main'),
  state('no commit, files', 'git init -q -b main; echo a >a.txt; mkdir dir; echo c >dir/c.txt'),
  state('no commit, staged', 'git init -q -b main; echo a >a.txt; git add a.txt; echo b >>a.txt; echo b >b.txt'),
  state('detached HEAD', 'base; git checkout -q --detach'),
  state('detached HEAD at an older commit, with work', 'base; git checkout -q HEAD~1; work'),
  state('staged delete', 'base; git rm -q a.txt dir/c.txt'),
  state('staged delete, file there again', 'base; git rm -q --cached a.txt; echo other >a.txt'),
  state('staged rename', 'base; git mv a.txt moved.txt; git mv dir dir2; echo more >>moved.txt'),
  state(
    'partially staged',
    'base; echo 1 >>a.txt; git add a.txt; echo 2 >>a.txt; echo x >n.txt; git add n.txt; echo y >>n.txt',
  ),
  state('intent to add', 'base; echo new >n.txt; git add -N n.txt; echo gone >g.txt; git add -N g.txt; rm g.txt'),
  state('mode changed only', 'base; chmod +x a.txt; chmod -x script.sh'),
  state('all deleted, unstaged', 'base; rm -r a.txt b.txt dir script.sh link'),
  state(
    'three hundred files',
    'base; mkdir many; for i in $(seq 300); do echo $i >many/$i.txt; done; settle; git add many; git commit -qm many; for i in 7 77 177; do echo more >>many/$i.txt; done; echo u >many/u',
  ),
  state('large untracked file', 'base; head -c 20000000 /dev/zero | tr "\\0" x >large.bin; work'),
  state(
    'deep directories',
    'base; p=deep; for i in $(seq 60); do p=$p/d$i; done; mkdir -p $p; echo x >$p/f.txt; git add -A; git commit -qm deep; echo y >$p/u.txt',
  ),
  state('empty directories', 'base; mkdir -p e1 e2/e3/e4 dir/e5; chmod 700 e2/e3; chmod 2755 e1'),
  state('same size, old time', 'base; printf "mbin\\n" >a.txt; touch -d "2 hours ago" a.txt', { restsOnStat: true }),
  state('file in place of a directory', 'base; rm -r dir; echo file >dir'),
  state('directory in place of a file', 'base; rm a.txt; mkdir a.txt; echo in >a.txt/in.txt'),
  state('link in place of a directory', 'base; mv dir elsewhere; ln -s elsewhere dir'),
  state('file in place of a link', 'base; rm link; echo file >link'),
  state('link in place of a file', 'base; rm b.txt; ln -s dir/c.txt b.txt'),
  state(
    'link that leads outside',
    'base; mkdir ../outside; echo o >../outside/o.txt; rm -r dir; ln -s ../outside dir; ln -s "$W/home/outside.txt" abs',
  ),
  state(
    'dangling link and a loop',
    'base; ln -s nowhere dangling; ln -s loop loop; git add dangling; ln -s nowhere2 dangling2',
  ),
  state('hard links', 'base; ln a.txt hard.txt; ln b.txt dir/hard.txt; git add hard.txt'),
  state('fifo untracked', 'base; mkfifo pipe; echo u >u.txt'),
  state('fifo in place of a tracked file', 'base; rm a.txt; mkfifo a.txt'),
  state('socket', 'base; python3 -c \'import socket; socket.socket(socket.AF_UNIX).bind("s.sock")\'; echo u >u.txt'),
  state('empty files', 'base; : >a.txt; : >e.txt; git add e.txt; : >f.txt'),
];
