// The billing group that a request names in its `tags`, when the operator gave that tag a name. A
// person can only bill a group of their own.

export interface BillingTag {
  readonly group: string | null;
  /** A value was given that is none of the person's groups. */
  readonly isIgnored: boolean;
}

export function billingTagOf(
  tags: Readonly<Record<string, unknown>> | null,
  tagName: string | null,
  groups: readonly string[],
): BillingTag {
  if (tagName === null || tags === null || !Object.hasOwn(tags, tagName)) {
    return { group: null, isIgnored: false };
  }
  const value = tags[tagName];
  const group = typeof value === 'string' && groups.includes(value) ? value : null;
  return { group, isIgnored: group === null };
}
