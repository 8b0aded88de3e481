// The billing group that a request names in its `tags`, when the operator gave that tag a name. A
// person can only bill a group of their own.

import type { LogFields } from '#shared/telemetry/log.ts';

export interface BillingTag {
  readonly group: string | null;
  /** A value was given that is none of the person's groups. */
  readonly isIgnored: boolean;
}

/** Null where the operator gave no tag a name. */
export function billingTagOf(
  tags: Readonly<Record<string, unknown>> | null,
  tagName: string | null,
  groups: readonly string[],
): BillingTag | null {
  if (tagName === null) return null;
  if (tags === null || !Object.hasOwn(tags, tagName)) return { group: null, isIgnored: false };
  const value = tags[tagName];
  const group = typeof value === 'string' && groups.includes(value) ? value : null;
  return { group, isIgnored: group === null };
}

/** As audit events have it. */
export function tagFields(tag: BillingTag | null): LogFields {
  if (tag === null) return {};
  if (tag.group !== null) return { billing_group: tag.group };
  return tag.isIgnored ? { billing_group_ignored: true } : {};
}
