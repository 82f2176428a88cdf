import fs from 'node:fs';
import path from 'node:path';
import { onDisk, parentOf, toText } from '../base/byte-path.ts';
import { openOrMake } from '../base/real-directory.ts';
import type { Lack } from '../snapshot/manifest.ts';
import type { LeftAlone } from './left-alone.ts';
import type { RestoreJob } from './restore-job.ts';
import type { WorkTree } from './work-tree.ts';

/** Where a restore moves what no snapshot can hold. devs never deletes it. */
function asideDir({ repo, safety }: RestoreJob): string {
  return path.join(repo.gitDir, 'devs', 'aside', safety.oid.slice(0, 16));
}

/** Moves what the plan names into the git directory. */
export function setAside(job: RestoreJob, tree: WorkTree): void {
  const { setAside } = job.plan;
  if (setAside.length === 0) return;
  using dir = openOrMake(asideDir(job), 0o700);
  for (const [i, place] of setAside.entries()) dir.at(String(i), (target) => tree.move(place, target));
  dir.flush();
}

/** What the report says of it, once the directories that go are gone. */
export function setAsideBy(job: RestoreJob): LeftAlone[] {
  return job.plan.setAside.map((place, i) => {
    const [name, now] = [toText(place), path.join(asideDir(job), String(i))];
    const isAlone = !fs.existsSync(onDisk(job.repo.root, parentOf(place)));
    return { kind: 'set aside', name, before: null, now, wayBack: isAlone ? ['ls', '-la', now] : ['mv', now, name] };
  });
}

/** The safety snapshot has no copy of them. */
export function removedSpecials({ plan }: RestoreJob): Lack[] {
  return plan.specials.map((place) => ({
    what: toText(place),
    why: 'it was a fifo, a socket or a device, which holds no bytes',
  }));
}
