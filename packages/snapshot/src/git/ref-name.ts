/**
 * What git forbids anywhere in a ref's name: control characters, space, and `~ ^ : ? * [ \`, `..`,
 * `@{`, `//`.
 */
const FORBIDDEN = /[\0-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\//;

/** Whether `name` is a full ref name that passes `git check-ref-format`. */
export function isRefName(name: string): boolean {
  if (!name.startsWith('refs/') || name.length > 4096 || FORBIDDEN.test(name) || name.endsWith('.')) return false;
  return name.split('/').every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'));
}

export function isBranchName(name: string): boolean {
  return name.startsWith('refs/heads/') && isRefName(name);
}
