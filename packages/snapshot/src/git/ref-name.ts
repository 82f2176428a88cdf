/**
 * What git forbids in the name of a ref (git-check-ref-format(1)): control characters, space, and
 * `~ ^ : ? * [ \\`; `..`, `@{`, an empty part, a part that begins with a dot or ends in `.lock`,
 * and a dot at the end.
 */
const FORBIDDEN = /[\0-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)|[./]$/;

/** What decoding leaves in the place of bytes that are no UTF-8: the name as git has it is lost. */
const NOT_UTF8 = '\ufffd';

/**
 * Whether `name` is a full ref name that passes `git check-ref-format`, so that it can be used as a
 * path.
 */
export function isRefName(name: string): boolean {
  return name.startsWith('refs/') && name.length <= 4096 && !FORBIDDEN.test(name) && !name.includes(NOT_UTF8);
}

export function isBranchName(name: string): boolean {
  return name.startsWith('refs/heads/') && isRefName(name);
}
