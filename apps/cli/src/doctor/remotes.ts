import type { Check, Finding } from './finding.ts';

/**
 * Remotes that would carry refs/devs with them: a push of all refs publishes what the snapshots
 * hold, untracked secrets too, and a pruning fetch of all refs deletes the snapshots.
 */
export const remotes: Check = ({ repo }) => {
  const { config } = repo;
  const names = new Set<string>();
  for (const key of config.keys()) {
    const name = /^remote\.(.+)\.[^.]+$/s.exec(key)?.[1];
    if (name !== undefined) names.add(name);
  }
  const findings: Finding[] = [];
  for (const name of names) {
    const push = config.all(`remote.${name}.push`);
    if (config.bool(`remote.${name}.mirror`, false) || push.some(takesAll)) {
      findings.push({
        check: 'remotes',
        ok: false,
        message: `a push to ${name} takes all refs along: it would publish snapshots, and the untracked files in them`,
        hint: ['git', 'config', '--get-regexp', `^remote\\.${literal(name)}\\.(mirror|push)$`],
      });
    }
    const fetch = config.all(`remote.${name}.fetch`);
    if (fetch.some(takesAll) && !fetch.includes(SPARED)) {
      findings.push({
        check: 'remotes',
        ok: false,
        message: `a pruning fetch from ${name} takes all refs: it would delete the snapshots`,
        hint: ['git', 'config', '--add', `remote.${name}.fetch`, SPARED],
      });
    }
  }
  return findings.length > 0 ? findings : [{ check: 'remotes', ok: true, message: 'none takes the snapshots along' }];
};

/** A negative refspec: git 2.29 and newer. */
const SPARED = '^refs/devs/*';

/** `name` as a part of an extended regular expression that matches it alone. */
function literal(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function takesAll(refspec: string): boolean {
  return /^\+?refs\/\*(:|$)/.test(refspec) || /:refs\/\*$/.test(refspec);
}
