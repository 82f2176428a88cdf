import { toText } from '../base/byte-path.ts';
import { pathProblem } from '../base/path-rules.ts';
import { isRefName } from '../git/ref-name.ts';

/** More paths than any work tree has. */
const MAX_PATHS = 10_000_000;
/** Git follows five symbolic refs, one after the other. */
const MAX_SYMBOLIC = 6;
const OID = /^[0-9a-f]{40}$/;
const OCTAL = /^[0-7]{1,4}$/;

type Fields = Readonly<Record<string, unknown>>;

/**
 * What is wrong with a manifest, or null. Written by hand: a schema library would take longer to
 * load.
 */
export function manifestProblem(value: unknown): string | null {
  if (!isObject(value)) return 'is no object';
  if (value.schema !== 1 || value.complete !== true) return 'is incomplete, or of a newer version';
  return (
    headProblem(value.head, value.lacks) ??
    permissionsProblem(value.permissions) ??
    (isOctal(value.rootPermissions ?? '0') ? null : 'has no permissions of the top directory') ??
    pathsProblem('emptyDirectories', value.emptyDirectories) ??
    (value.skipWorktreePresent === null ? null : pathsProblem('skipWorktreePresent', value.skipWorktreePresent)) ??
    (value.since === undefined || isOid(value.since) ? null : 'names no commit that it was taken since') ??
    refsProblem(value) ??
    othersProblem(value)
  );
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function headProblem(head: unknown, lacks: unknown): string | null {
  if (!isObject(head)) return 'has no head';
  const { branch, oid } = head;
  if (oid !== null && !isOid(oid)) return `names ${quoted(oid)} as the commit of HEAD`;
  // A damaged HEAD is one of the things that a tolerant take lacks.
  if (branch === null) return oid === null && lacks === undefined ? 'has a HEAD that points nowhere' : null;
  return typeof branch === 'string' && isRefName(branch) ? null : `names ${quoted(branch)} as the branch of HEAD`;
}

/** Both fields are missing where a snapshot has nothing to say. */
function refsProblem({ symbolicBranch = [], refMoves = [] }: Fields): string | null {
  if (!Array.isArray(symbolicBranch) || symbolicBranch.length > MAX_SYMBOLIC) return 'has no list symbolicBranch';
  for (const ref of symbolicBranch) if (!isMovable(ref)) return `names ${quoted(ref)} as a branch`;
  if (!Array.isArray(refMoves)) return 'has no list refMoves';
  for (const move of refMoves) {
    const [ref, oid] = Array.isArray(move) ? (move as readonly unknown[]) : [];
    if (!isMovable(ref)) return `moves ${quoted(ref)}`;
    if (oid !== null && !isOid(oid)) return `moves ${quoted(ref)} to ${quoted(oid)}`;
  }
  return null;
}

/** A restore moves branches and tags, and never a ref of devs itself. */
function isMovable(ref: unknown): boolean {
  return typeof ref === 'string' && /^refs\/(?:heads|tags|remotes)\//.test(ref) && isRefName(ref);
}

function permissionsProblem(permissions: unknown): string | null {
  if (!isObject(permissions)) return 'has no permissions';
  const { usual, unusual } = permissions;
  if (!isObject(usual) || !isObject(unusual)) return 'has no permissions';
  for (const kind of ['file', 'executable', 'directory']) {
    if (!Object.hasOwn(usual, kind) || !isOctal(usual[kind])) return `has no usual permissions of a ${kind}`;
  }
  for (const [path, mode] of Object.entries(unusual)) {
    if (!isOctal(mode)) return `gives ${quoted(path)} the permissions ${quoted(mode)}`;
    const problem = pathProblem(path.endsWith('/') ? path.slice(0, -1) : path);
    if (problem !== null) return `gives permissions to ${quoted(path)}, which ${problem}`;
  }
  return null;
}

function isOid(oid: unknown): boolean {
  return typeof oid === 'string' && OID.test(oid);
}

function isOctal(mode: unknown): boolean {
  return typeof mode === 'string' && OCTAL.test(mode);
}

function pathsProblem(field: string, paths: unknown): string | null {
  if (!Array.isArray(paths) || paths.length > MAX_PATHS) return `has no list ${field}`;
  for (const path of paths) {
    const problem = typeof path === 'string' ? pathProblem(path) : 'is no path';
    if (problem !== null) return `names ${quoted(path)} in ${field}, which ${problem}`;
  }
  return null;
}

/** What is only ever shown, or matched against paths: any text will do. */
function othersProblem({ indexMtimeNs, skipped, includeIgnored, lacks = [] }: Fields): string | null {
  if (indexMtimeNs !== null && (typeof indexMtimeNs !== 'string' || !/^\d{1,19}$/.test(indexMtimeNs)))
    return 'has no time of the index';
  const isSkipped = (entry: unknown) =>
    isObject(entry) && typeof entry.path === 'string' && typeof entry.reason === 'string';
  if (!Array.isArray(skipped) || !skipped.every(isSkipped)) return 'has no list skipped';
  const isText = (entry: unknown) => typeof entry === 'string';
  if (!Array.isArray(lacks) || !lacks.every((lack) => isObject(lack) && isText(lack.what) && isText(lack.why)))
    return 'has no list lacks';
  return Array.isArray(includeIgnored) && includeIgnored.every(isText) ? null : 'has no list includeIgnored';
}

function quoted(value: unknown): string {
  return JSON.stringify(typeof value === 'string' ? toText(value.slice(0, 200)) : value) ?? 'nothing';
}
