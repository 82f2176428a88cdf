import fs from 'node:fs';
import path from 'node:path';
import { onDisk, parentOf, toText } from '../base/byte-path.ts';
import { removeIfThere, writeAll } from '../base/durable.ts';
import { openOrMake } from '../base/real-directory.ts';
import type { Lack } from '../snapshot/manifest.ts';
import { type Aside, asideDir, placeFile } from './aside-directory.ts';
import type { LeftAlone } from './left-alone.ts';
import type { RestoreJob } from './restore-job.ts';
import type { WorkTree } from './work-tree.ts';

/** Moves what the plan names into the git directory. */
export function setAside(job: RestoreJob, tree: WorkTree): void {
  const { repo, safety, plan } = job;
  if (plan.setAside.length === 0) return;
  using dir = openOrMake(asideDir(repo, safety.oid), 0o700);
  for (const { number, place } of asides(job)) {
    dir.at(placeFile(number), (file) => writeNew(file, Buffer.from(place, 'latin1')));
    dir.flush();
    dir.at(String(number), (target) => tree.move(place, target));
  }
  dir.flush();
}

/**
 * Puts back what was moved aside when the target was a safety snapshot. What cannot go back stays
 * where it is.
 */
export function bringBack({ repo, target, plan }: RestoreJob, tree: WorkTree): void {
  if (plan.bringBack.length === 0) return;
  using dir = openOrMake(asideDir(repo, target.oid), 0o700);
  for (const { number, place } of plan.bringBack) {
    if (dir.at(String(number), (source) => tree.moveIn(source, place))) dir.at(placeFile(number), removeIfThere);
  }
}

function asides({ plan, firstAside }: RestoreJob): Aside[] {
  return plan.setAside.map((place, i) => ({ number: firstAside + i, place }));
}

function writeNew(file: string, bytes: Buffer): void {
  const fd = fs.openSync(file, 'wx', 0o600);
  try {
    writeAll(fd, bytes);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** What the report says of it, once the directories that go are gone. */
export function setAsideBy(job: RestoreJob): LeftAlone[] {
  const { repo, safety } = job;
  return asides(job).map(({ number, place }) => {
    const [name, now] = [toText(place), path.join(asideDir(repo, safety.oid), String(number))];
    const isAlone = !fs.existsSync(onDisk(repo.root, parentOf(place)));
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
