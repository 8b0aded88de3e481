import type { z } from 'zod';
import { listOf, oneOf, section, text } from './field.ts';

const scope = () => oneOf('any', 'same_provider', 'same_region');
const GROUPS = 'a list with at least one group';

const rule = section({
  /** Whom it is about: anybody in one of these groups. */
  groups: listOf(text('a group name that is not empty'), GROUPS, 1),
  /** As the section's own. */
  failover: scope(),
});

/** Where a request may go when the upstream that is first for it fails. */
export const routingSchema = section({
  /** Any upstream, those of the same provider, or those of the same region. Default any. */
  failover: scope().default('any'),
  /** For some groups in place of `failover`; the first that fits holds. Default none. */
  rules: listOf(rule, 'a list of rules').default([]),
});

export type RoutingConfig = z.output<typeof routingSchema>;
