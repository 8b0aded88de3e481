/** Something that a test needs of the machine: there, or a reason why not. */
export type Found =
  | { readonly available: true }
  | { readonly available: false; readonly reason: string };

/**
 * The one place that decides what happens when something cannot be had: a reason to skip with, for
 * node:test to print, and with CI=true a failure.
 */
export function skipUnless(...needed: readonly Found[]): false | string {
  const reasons = needed.flatMap((found) => (found.available ? [] : [found.reason]));
  if (reasons.length === 0) return false;
  const reason = reasons.join('; ');
  if (process.env['CI'] === 'true') throw new Error(`with CI=true nothing is skipped: ${reason}`);
  return reason;
}
