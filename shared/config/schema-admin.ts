import type { z } from 'zod';
import { flag, listOf, oneOf, secretText, section, text, textLike, wholeNumber } from './field.ts';

const adminKey = section({
  /** Name in the audit trail; unique over both lists. */
  id: text(),
  /** Sent as x-api-key. */
  key: secretText('a key of 32 characters or more', 32),
});
const ADMIN_KEYS = 'a list of mappings with id and key';
const ADMIN_GROUP =
  'a group name; an empty one could match an empty group claim and make anyone an admin';

/** As Claude Code takes it; what begins with `anthropic` is not for others to use. */
const TAG_KEY = /^(?!anthropic)[\w.:/=+\-@]{1,64}$/i;
const TAG_KEY_ACCEPTED =
  '1 to 64 letters, digits and _ . : / = + - @, not starting with "anthropic"';

/** The admin API. Without this section there are no caps and no spend API. */
export const adminSchema = section({
  /** Keys that may read and change. Default none. */
  write_keys: listOf(adminKey, ADMIN_KEYS).default([]),
  /** Keys that may only read. Default none. */
  read_keys: listOf(adminKey, ADMIN_KEYS).default([]),
  /** Groups whose members may read and change with their own session. Default none. */
  admin_groups: listOf(text(ADMIN_GROUP), 'a list of groups').default([]),
  /** Sentence added to the refusal at a cap. Absent: nothing is added. */
  blocked_message: text().optional(),
  /**
   * Key in a request's `tags` that names the group to bill it to, one of the person's own. Upstreams
   * get no tags then. Absent: no spend by billing group, and upstreams that know tags get them.
   */
  billing_group_tag: textLike(TAG_KEY, TAG_KEY_ACCEPTED).optional(),
  /** Days that audit rows are kept. Default 365. */
  audit_retention_days: wholeNumber('days', 1).default(365),
  /** Months that spend is kept. Default 13. */
  spend_retention_months: wholeNumber('months', 1).default(13),
  /** Days that a person last seen is remembered. Default 90. */
  identity_retention_days: wholeNumber('days', 1).default(90),
  /** Which cap of several groups applies to a member: the smallest or the largest. Default min. */
  group_limit_mode: oneOf('min', 'max').default('min'),
});

/** How caps are enforced. */
export const enforcementSchema = section({
  /** Refuse requests when caps cannot be read. Default false: serve, and record the usage later. */
  fail_closed_on_error: flag().default(false),
  /**
   * What a running request holds back from a cap: nothing, an estimate, or the most it can cost.
   * Default estimate.
   */
  reservation: oneOf('none', 'estimate', 'ceiling').default('estimate'),
  /**
   * Seconds after which a request whose data plane gives no sign of life is taken for dead and billed
   * by its last estimate. Default 60.
   */
  reservation_ttl_seconds: wholeNumber('seconds', 1, 3600).default(60),
});

export type AdminConfig = z.output<typeof adminSchema>;
export type EnforcementConfig = z.output<typeof enforcementSchema>;
