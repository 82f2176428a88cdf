/**
 * The last part of a run's id, which names it as well as a rule: one in sixteen million has the
 * same.
 */
export function shortId(id: string): string {
  return id.slice(id.lastIndexOf('-') + 1);
}
