// What the reference does not have: budgets of the organization, caps on one model or family, and what
// a person is told while others hold what is left of a budget.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Budget, Cap } from '#shared/domain/cap.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { decodeUsageEvent } from '#shared/events/usage-v1.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import {
  anthropicAt,
  type MessagesGateway,
  openMessagesGateway,
  PROMPT,
  tokenOf,
} from '../support/messages-gateway.ts';
import { cents, userCap } from '../support/quota.ts';
import { answers, type Behaviour, openFakeUpstream, staysSilent } from '../support/upstream.ts';

const ada = { sub: 'ada', groups: ['red', 'blue'] };
const bob = { sub: 'bob', groups: ['red'] };
const asAda = { token: tokenOf('ada') };
const asBob = { token: tokenOf('bob') };
const TEN_CENTS: Behaviour = answers({ usage: { input_tokens: 20_000 }, outputTokens: 0 });
const PREFIX = 'anthropic-ratelimit-unified-';
const SONNET = { ...PROMPT, model: 'claude-sonnet-5' };

function groupBudget(rbacGroupId: string, amountCents: number): Budget {
  const scope = { type: 'rbac_group', rbacGroupId } as const;
  return { id: `b-${rbacGroupId}`, scope, period: 'weekly', amountMicroUsd: cents(amountCents) };
}

const ORGANIZATION_BUDGET: Budget = {
  ...{ id: 'b-org', scope: { type: 'organization' }, period: 'daily' },
  amountMicroUsd: cents(20),
};

interface WorldOptions {
  readonly caps?: readonly Cap[];
  readonly budgets?: readonly Budget[];
  readonly quota?: (store: QuotaStore) => QuotaStore;
}

async function openWorld(options: WorldOptions) {
  const upstream = await openFakeUpstream();
  upstream.behave(TEN_CENTS);
  const gateway = await openMessagesGateway({
    upstreams: [anthropicAt(upstream.url)],
    people: [ada, bob],
    settings: { blockedMessage: 'Ask #llm-costs' },
    ...{ caps: [], ...options },
  });
  return {
    upstream,
    gateway,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

async function ask(
  gateway: MessagesGateway,
  as: { readonly token: string },
  body: object = PROMPT,
) {
  const response = await gateway.ask(body, as);
  const answer = (await response.json()) as { error?: { type: string; message: string } };
  await gateway.settled();
  return {
    status: response.status,
    message: answer.error?.message ?? null,
    header: (name: string) => response.headers.get(name),
    unified: (name: string) => response.headers.get(`${PREFIX}${name}`),
  };
}

describe('a budget that the organization shares', () => {
  test('is seen by all, and blocks all with its own sentence', async () => {
    await using world = await openWorld({ budgets: [ORGANIZATION_BUDGET] });
    const { gateway } = world;
    await ask(gateway, asAda);
    const seen = await ask(gateway, asBob);
    assert.deepEqual(
      [seen.status, seen.unified('overage-utilization'), seen.unified('overage-scope')],
      [200, '0.5', 'organization'],
    );
    const refused = await ask(gateway, asAda);
    assert.equal(
      refused.message,
      "This request exceeds your organization's budget. Ask your organization's admins to raise it, " +
        'or try again after it resets on November 25 at 00:00 UTC · Ask #llm-costs',
    );
    assert.deepEqual(
      ['overage-period', 'overage-scope', 'overage-disabled-reason'].map(refused.unified),
      ['daily', 'organization', 'org_spend_cap_reached'],
    );
    const audit = gateway.log.lines.find(({ message }) => message === 'spend.blocked');
    assert.equal(audit?.fields['source'], 'organization_pool');
  });

  test('stands behind a cap of the person’s own', async () => {
    const caps = [userCap('ada', cents(0), 'monthly')];
    await using world = await openWorld({ caps, budgets: [ORGANIZATION_BUDGET] });
    for (let nth = 0; nth < 2; nth += 1) await ask(world.gateway, asBob);
    const { message } = await ask(world.gateway, asAda);
    assert.equal(message, 'spend limit reached · Ask #llm-costs');
  });
});

describe('a cap on a model', () => {
  const opus: Cap = { ...userCap('ada', cents(10), 'monthly'), model: 'opus' };

  test('names it, and others still work', async () => {
    await using world = await openWorld({ caps: [opus, userCap('ada', cents(1_000), 'daily')] });
    const { gateway } = world;
    assert.equal((await ask(gateway, asAda)).unified('overage-utilization'), '0');
    const refused = await ask(gateway, asAda);
    assert.equal(
      refused.message,
      'spend limit for opus reached · resets Dec 1 · another model may still work · Ask #llm-costs',
    );
    assert.equal(refused.unified('overage-scope'), null);
    const other = await ask(gateway, asAda, SONNET);
    assert.deepEqual([other.status, other.unified('overage-utilization')], [200, '0.01']);
    assert.deepEqual(
      gateway.events.map(({ accounts }) => accounts),
      [['user:ada', 'model:opus:user:ada'], ['user:ada']],
    );
    const audit = gateway.log.lines.find(({ message }) => message === 'spend.blocked');
    const { source, cap_model: model, cap_cents: amount } = audit?.fields ?? {};
    assert.deepEqual([source, model, amount], ['user', 'opus', 10]);
  });

  test('holds for one model whatever its spelling, and is not told as the limit of everything', async () => {
    const caps = [{ ...opus, model: 'claude-haiku-4-5' }];
    await using world = await openWorld({ caps });
    const { gateway } = world;
    for (const model of ['claude-haiku-4-5-20251001', 'CLAUDE-HAIKU-4-5', 'claude-haiku-4-5']) {
      await ask(gateway, asAda, { ...PROMPT, model, max_tokens: 5 });
    }
    const { body } = { body: await (await gateway.usage(asAda.token)).json() };
    const [row] = (body as { limits: object[] }).limits;
    assert.deepEqual(row, {
      ...{ kind: 'spend', group: 'monthly', percent: 60, severity: 'normal', is_active: false },
      ...{ resets_at: '2026-12-01T00:00:00.000Z', model: 'claude-haiku-4-5' },
    });
    const { extra_usage: extra } = body as { extra_usage: { monthly_limit: unknown } };
    assert.equal(extra.monthly_limit, null);
  });
});

describe('whoever waits', () => {
  const busyWith = async (table: WorldOptions, as = asAda) => {
    await using world = await openWorld(table);
    const { gateway, upstream } = world;
    upstream.behave(staysSilent);
    const aborter = new AbortController();
    for (let nth = 0; nth < 4; nth += 1) {
      gateway.ask(PROMPT, { ...asBob, signal: aborter.signal }).catch(() => undefined);
      await upstream.next();
    }
    const response = await gateway.ask(PROMPT, as);
    const { error } = (await response.json()) as { error: { type: string; message: string } };
    assert.deepEqual(
      [response.status, error.type, response.headers.get('x-should-retry')],
      [429, 'rate_limit_error', 'true'],
    );
    assert.match(response.headers.get('retry-after') ?? '', /^[123]$/);
    aborter.abort();
    await gateway.settled();
    return error.message;
  };
  const sentence = (whose: string) =>
    `what is left of ${whose} is reserved by requests still in progress; try again in a few seconds`;

  test('is told whose money is spoken for', async () => {
    const red = { budgets: [groupBudget('red', 10)] };
    assert.equal(await busyWith(red, asBob), sentence("your group's budget"));
    assert.equal(
      await busyWith({ budgets: [ORGANIZATION_BUDGET] }),
      sentence("your organization's budget"),
    );
    const caps = [userCap('bob', cents(10), 'daily')];
    assert.equal(await busyWith({ caps }, asBob), sentence('your spend limit'));
    const onModel = [{ ...userCap('bob', cents(10), 'daily'), model: 'opus' }];
    assert.equal(await busyWith({ caps: onModel }, asBob), sentence('your spend limit for opus'));
  });
});

describe('what a request is charged to', () => {
  const budgets = [groupBudget('red', 40), groupBudget('blue', 100), ORGANIZATION_BUDGET];

  test('is in its event: the person, everybody, the group with most left', async () => {
    await using world = await openWorld({ budgets });
    await ask(world.gateway, asAda);
    assert.deepEqual(world.gateway.events[0]?.accounts, ['user:ada', 'organization', 'pool:blue']);
  });

  test('is in the draft of a process that dies, as far as it is known', async () => {
    const drafts: string[] = [];
    const listening = (store: QuotaStore): QuotaStore => ({
      ...store,
      admit(request) {
        drafts.push(request.draft);
        return store.admit(request);
      },
    });
    await using world = await openWorld({ budgets, quota: listening });
    await ask(world.gateway, asAda);
    assert.deepEqual(
      drafts.map((draft) => decodeUsageEvent(draft).accounts),
      [['user:ada'], ['user:ada', 'organization']],
    );
  });

  test('without an answer of the store is the first of the groups, by name', async () => {
    let isAway = false;
    const away = (store: QuotaStore): QuotaStore => ({
      ...store,
      admit: (request) =>
        isAway ? Promise.reject(new AppError('unavailable', 'gone')) : store.admit(request),
    });
    await using world = await openWorld({ budgets, quota: away });
    await ask(world.gateway, asBob);
    isAway = true;
    await ask(world.gateway, asAda);
    const accounts = world.gateway.events.at(-1)?.accounts;
    assert.deepEqual(accounts, ['user:ada', 'organization', 'pool:blue']);
  });
});

test('/api/oauth/usage has a row for each: the person’s, everybody’s and the group’s', async () => {
  const budgets = [groupBudget('red', 40), ORGANIZATION_BUDGET];
  const caps = [userCap('bob', cents(100), 'monthly')];
  await using world = await openWorld({ caps, budgets });
  const { gateway } = world;
  await ask(gateway, asBob);
  const report = (await (await gateway.usage(asBob.token)).json()) as { limits: object[] };
  const row = (group: string, percent: number, isActive: boolean, resetsAt: string) => ({
    ...{ kind: 'spend', group, percent, resets_at: resetsAt },
    ...{ severity: 'normal', is_active: isActive },
  });
  assert.deepEqual(report, {
    extra_usage: {
      ...{ is_enabled: true, monthly_limit: 20, used_credits: 10, utilization: 50 },
      currency: 'USD',
    },
    limits: [
      row('monthly', 10, false, '2026-12-01T00:00:00.000Z'),
      { ...row('daily', 50, true, '2026-11-25T00:00:00.000Z'), scope: 'organization' },
      {
        ...row('weekly', 25, false, '2026-11-30T00:00:00.000Z'),
        ...{ scope: 'group_pool', rbac_group_id: 'red' },
      },
    ],
  });
});
