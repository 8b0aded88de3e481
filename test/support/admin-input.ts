// What might be sent to the admin API: near what it takes, far from it, and nothing like it.

import fc from 'fast-check';

export interface AdminRequest {
  readonly method: string;
  /** In origin-form, as it is sent. */
  readonly target: string;
  readonly body: string | null;
  readonly key: 'read' | 'write' | 'none';
}

const LIMITS = '/v1/organizations/spend_limits';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom(
    '',
    '\u0000',
    'a\u0000b',
    '\ud800',
    '__proto__',
    'constructor',
    '%',
    "' or 1=1--",
  ),
  fc.constantFrom('ada', 'bob', 'Ada@Example.com', 'twice@example.com', 'team', 'erased_1'),
  fc.nat(3000).map((length) => 'x'.repeat(length)),
);

/** Now and then something else than a field takes. */
function mostly(likely: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 12, arbitrary: likely }, { weight: 1, arbitrary: fc.jsonValue() });
}

/** An object of some of the fields. */
function object(fields: Record<string, fc.Arbitrary<unknown>>, requiredKeys: string[] = []) {
  return fc.record(fields, { requiredKeys });
}

const amount = fc.oneof(
  fc.nat(1000).map(String),
  fc.constantFrom(null, '007', '-1', '1.5', '9223372036854775807', '99999999999999999999', '1e3'),
  text,
);
const dollars = fc.oneof(fc.constantFrom('12.10', '0', '1.234', '.5', null), text);
const flag = fc.boolean();
const scope = fc.oneof(
  object({ type: fc.constant('user'), user_id: mostly(text) }, ['type', 'user_id']),
  object({ type: fc.constant('user'), email: mostly(text) }, ['type', 'email']),
  object({ type: fc.constant('rbac_group'), rbac_group_id: mostly(text) }, ['type']),
  fc.constant({ type: 'organization' }),
);
const body = object(
  {
    scope: mostly(scope),
    amount: mostly(amount),
    amount_usd: mostly(dollars),
    period: mostly(fc.constantFrom('daily', 'weekly', 'monthly')),
    currency: mostly(fc.constant('USD')),
    model: mostly(fc.oneof(fc.constantFrom(null, 'opus', 'claude-opus-5-5'), text)),
    pooled_budget: mostly(
      object({
        amount: mostly(amount),
        paused: mostly(flag),
        currency: mostly(fc.constant('USD')),
      }),
    ),
    dry_run: mostly(flag),
    reason: mostly(fc.oneof(text, fc.constant(null))),
  },
  ['scope'],
);
/** Much of the time a body that is taken, so that there is state to break. */
const goodBody = fc.record({
  scope: fc.oneof(
    fc.record({ type: fc.constant('user'), user_id: fc.constantFrom('ada', 'bob', 'new') }),
    fc.record({ type: fc.constant('rbac_group'), rbac_group_id: fc.constantFrom('team', 'b') }),
    fc.constant({ type: 'organization' }),
  ),
  period: fc.constantFrom('daily', 'weekly', 'monthly'),
  amount: fc.nat(1000).map(String),
  model: fc.constantFrom(null, null, 'opus'),
});
const file = object(
  {
    limits: mostly(fc.array(fc.oneof(goodBody, body), { maxLength: 4 })),
    prune: mostly(flag),
    dry_run: mostly(flag),
    reason: mostly(text),
  },
  ['limits'],
);
const json = fc.oneof(body, goodBody, file, fc.jsonValue()).map((value) => JSON.stringify(value));
const noJson = fc.oneof(text, fc.constantFrom('{', '[[', '{"scope":', 'nul', '\ufeff{}'));
const bodies = fc.oneof({ weight: 8, arbitrary: json }, { weight: 1, arbitrary: noJson });

const escaped = text.map((value) => encodeURIComponent(value.toWellFormed()));
const segment = fc.oneof(
  escaped,
  fc.constantFrom('ada', 'bob', 'new'),
  fc.constantFrom('%FF', '%00', '%', '%2F', '..', '%2e%2e', 'spl_x', `spl_${'0'.repeat(32)}`),
);
/** Stands for the id of the oldest limit. */
export const OLDEST = 'OLDEST';
const id = fc.oneof(segment, fc.constant(OLDEST));
const names = [
  ...['limit', 'after_id', 'before_id', 'scope_type', 'reason', 'dry_run', 'page', 'sort', 'q'],
  ...['user_ids[]', 'period[]', '__proto__'],
];
const token = fc
  .jsonValue()
  .map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'));
const value = fc.oneof(
  segment,
  id,
  token,
  fc.constantFrom(
    '1',
    '1000',
    'true',
    'spend_desc',
    'monthly',
    'daily',
    'user',
    'eyJwIjoiXHUwMDAwIn0',
  ),
);
const query = fc
  .array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 4 })
  .map((pairs) => pairs.map(([name, one]) => `${encodeURIComponent(name)}=${one}`).join('&'))
  .map((all) => (all === '' ? '' : `?${all}`));
const path = fc.oneof(
  fc.constantFrom(LIMITS, LIMITS, LIMITS, `${LIMITS}/`, `${LIMITS}/effective`, `${LIMITS}/audit`),
  id.map((one) => `${LIMITS}/${one}`),
  segment.map((one) => `/v1/organizations/users/${one}`),
  fc.tuple(segment, segment).map(([one, other]) => `${LIMITS}/${one}/${other}`),
);

/** A method on a path that knows it, with a body that it might take. */
const sensible = fc.oneof(
  ...[
    { weight: 5, arbitrary: to('POST', fc.constant(LIMITS), fc.oneof(body, goodBody)) },
    { weight: 3, arbitrary: to('PUT', fc.constant(LIMITS), file) },
    {
      weight: 1,
      arbitrary: to(
        'DELETE',
        id.map((one) => `${LIMITS}/${one}`),
        body,
      ),
    },
    { weight: 2, arbitrary: to('GET', path, body) },
    {
      weight: 1,
      arbitrary: to(
        'DELETE',
        segment.map((one) => `/v1/organizations/users/${one}`),
        body,
      ),
    },
  ],
);
const anything = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH'),
  path,
  body: fc.option(bodies),
});

function to(method: string, at: fc.Arbitrary<string>, sent: fc.Arbitrary<unknown>) {
  const body = fc.oneof({ weight: 19, arbitrary: sent.map((one) => JSON.stringify(one)) }, noJson);
  return fc.record({ method: fc.constant(method), path: at, body });
}

export const adminRequest: fc.Arbitrary<AdminRequest> = fc
  .record({
    sketch: fc.oneof({ weight: 5, arbitrary: sensible }, { weight: 1, arbitrary: anything }),
    query,
    key: fc.oneof(
      { weight: 14, arbitrary: fc.constant('write' as const) },
      fc.constantFrom('read' as const, 'none' as const),
    ),
  })
  .map(({ sketch, query: rest, key }) => {
    const { method, path: at, body: sent } = sketch;
    return { method, target: at + rest, body: sent, key };
  });
