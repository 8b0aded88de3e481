// Caps over real HTTP on SQLite: set, enforced, seen, removed, and by whom.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { userAccount } from '#shared/domain/account.ts';
import { indexCaps, resolveCaps } from '#shared/domain/cap.ts';
import { microUsd } from '#shared/domain/money.ts';
import {
  ADMIN_SETTINGS,
  type AdminGateway,
  openAdminGateway,
  READ_KEY,
  WRITE_KEY,
} from '../support/admin-gateway.ts';

const LIMITS = '/v1/organizations/spend_limits';
const DOLLAR = microUsd(1_000_000);

let gateway: AdminGateway;
before(async () => {
  gateway = await openAdminGateway();
});
after(() => gateway[Symbol.asyncDispose]());
beforeEach(() => gateway.reset());

async function call(method: string, path: string, body?: object, key = WRITE_KEY) {
  const response = await fetch(gateway.origin + path, {
    method,
    headers: { 'x-api-key': key },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const json = (await response.json()) as { id: string } & Record<string, unknown>;
  return { status: response.status, json };
}

function userCap(sub: string, amount: string | null, period = 'monthly') {
  return { scope: { type: 'user', user_id: sub }, amount, period };
}

let requests = 0;

/** As the data plane asks, with the table that it last read. */
async function admit(sub: string, groups: readonly string[] = []) {
  const table = await gateway.quota.caps();
  return admitWith(table, sub, groups);
}

function admitWith(
  table: Awaited<ReturnType<AdminGateway['quota']['caps']>>,
  sub: string,
  groups: readonly string[],
) {
  const account = userAccount(sub);
  const nowMs = gateway.clock.now();
  requests += 1;
  const limits = resolveCaps(indexCaps(table), { sub, groups }, 'min').flatMap((cap) =>
    cap.amountMicroUsd === null
      ? []
      : [{ capId: cap.id, account, period: cap.period, capMicroUsd: cap.amountMicroUsd }],
  );
  return gateway.quota.admit({
    id: `request-${requests}`,
    nowMs,
    session: { sub, sessionId: null, issuedAtMs: nowMs },
    capsVersion: table.version,
    accounts: [account],
    limits,
    pools: [],
    reserveMicroUsd: microUsd(0),
    reserveUntilMs: nowMs + 60_000,
    draft: '{}',
  });
}

async function spend(sub: string, amountMicroUsd: typeof DOLLAR): Promise<void> {
  const nowMs = gateway.clock.now();
  requests += 1;
  await gateway.quota.settle({
    id: `spent-${requests}`,
    nowMs,
    chargedAtMs: nowMs,
    accounts: [userAccount(sub)],
    amountMicroUsd,
    event: '{}',
  });
}

describe('a cap', () => {
  test('holds at the very next request: an old table must be read anew', async () => {
    await spend('next', DOLLAR);
    const old = await gateway.quota.caps();
    assert.equal((await admit('next')).outcome, 'admitted');
    const { status } = await call('POST', LIMITS, userCap('next', '100'));
    assert.equal(status, 200);
    assert.equal((await admitWith(old, 'next', [])).outcome, 'stale');
    assert.equal((await admit('next')).outcome, 'blocked');
  });

  test('that is removed lets the very next request pass', async () => {
    await spend('freed', DOLLAR);
    const { json } = await call('POST', LIMITS, userCap('freed', '100', 'daily'));
    assert.equal((await admit('freed')).outcome, 'blocked');
    await call('DELETE', `${LIMITS}/${json.id}?reason=holiday`);
    assert.equal((await admit('freed')).outcome, 'admitted');
    const { json: trail } = await call('GET', `${LIMITS}/audit?limit=1`);
    const [row] = trail['data'] as { action: string; reason: string; actor: string }[];
    assert.deepEqual(
      [row?.action, row?.reason, row?.actor],
      ['spend_limit.delete', 'holiday', 'admin-key:w'],
    );
  });

  test('changes of many administrators at once are all in force', async () => {
    const subs = Array.from({ length: 20 }, (_, index) => `parallel-${index}`);
    const answers = await Promise.all(subs.map((sub) => call('POST', LIMITS, userCap(sub, '0'))));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    for (const sub of subs) assert.equal((await admit(sub)).outcome, 'blocked', sub);
  });

  test('that could not be published is reported as saved but not in force', async () => {
    gateway.breakQuota('publishCaps');
    const { status, json } = await call('POST', LIMITS, userCap('late', '5'));
    assert.equal(status, 503);
    const { message } = json['error'] as { message: string };
    assert.match(message, /saved but not in force yet/);
    gateway.reset();
    const again = await call('POST', LIMITS, userCap('late', '5'));
    assert.equal(again.status, 200);
    const table = await gateway.quota.caps();
    assert.ok(table.caps.some(({ id }) => id === again.json.id));
  });

  test('is written to the log with what it was before, and never with a key', async () => {
    await call('POST', LIMITS, userCap('logged', '1'));
    await call('POST', LIMITS, userCap('logged', null));
    const lines = gateway.log.lines.filter(({ message }) => message === 'admin.limit.upsert');
    const { target, ...fields } = lines.at(-1)?.fields ?? {};
    assert.match(String(target), /^spl_[0-9a-f]{32}$/);
    assert.deepEqual(fields, {
      actor: 'admin-key:w',
      scope_type: 'user',
      scope_id: 'logged',
      period: 'monthly',
      amount: null,
      before_amount: '1',
    });
    assert.ok(!JSON.stringify(gateway.log.lines).includes(WRITE_KEY));
  });
});

describe('who may', () => {
  test('a session of an admin group sets caps under its own name', async () => {
    const token = await gateway.token(['admins'], 'ada');
    const response = await fetch(gateway.origin + LIMITS, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(userCap('by-ada', '1')),
    });
    assert.equal(response.status, 200);
    const { rows } = await gateway.admin.audit(null, 1);
    assert.equal(rows[0]?.actor, 'oidc:ada');
  });

  test('a revoked admin session is refused at its next request', async () => {
    const token = await gateway.token(['admins'], 'gone');
    const ask = () =>
      fetch(gateway.origin + LIMITS, { headers: { authorization: `Bearer ${token}` } });
    assert.equal((await ask()).status, 200);
    const nowMs = gateway.clock.now();
    await gateway.quota.revoke({
      type: 'subject',
      sub: 'gone',
      issuedBeforeMs: nowMs,
      untilMs: nowMs + 3_600_000,
    });
    assert.equal((await ask()).status, 401);
  });

  test('keys that a reload replaced are refused at once, the new ones pass', async () => {
    const key = 'n'.repeat(36);
    gateway.settings.current = { ...ADMIN_SETTINGS, readKeys: [{ id: 'new', key }] };
    assert.equal((await call('GET', LIMITS, undefined, READ_KEY)).status, 401);
    assert.equal((await call('GET', LIMITS, undefined, key)).status, 200);
  });

  test('without an admin block there is no admin API, whoever asks', async () => {
    gateway.settings.current = null;
    for (const path of [LIMITS, `${LIMITS}/effective`, `${LIMITS}/audit`, `${LIMITS}/spl_x`]) {
      assert.equal((await call('GET', path)).status, 404, path);
    }
  });
});

describe('effective', () => {
  function subsOf(json: Record<string, unknown>): string[] {
    const rows = json['data'] as { scope: { user_id: string } }[];
    return rows.map(({ scope }) => scope.user_id);
  }

  async function rowOf(sub: string) {
    const { json } = await call('GET', `${LIMITS}/effective?user_ids[]=${sub}&period[]=monthly`);
    const [row] = json['data'] as Record<string, unknown>[];
    return row ?? assert.fail('no row');
  }

  test('shows the cap that enforcement uses: group mode, overrides and all', async () => {
    const person = { sub: 'gina', email: null, name: null, groups: ['narrow', 'wide'] };
    await gateway.admin.seen([{ ...person, lastSeenMs: gateway.clock.now() }]);
    for (const [group, amount] of [
      ['narrow', '50'],
      ['wide', '500'],
    ] as const) {
      const scope = { type: 'rbac_group', rbac_group_id: group };
      await call('POST', LIMITS, { scope, amount });
    }
    assert.equal((await rowOf('gina'))['amount'], '50');
    gateway.settings.current = { ...ADMIN_SETTINGS, groupLimitMode: 'max' };
    assert.equal((await rowOf('gina'))['amount'], '500');
    await call('POST', LIMITS, userCap('gina', null));
    const { amount, source } = await rowOf('gina');
    assert.deepEqual([amount, source], [null, { type: 'user', user_id: 'gina' }]);
  });

  test('counts what is spent but not in the ledger yet, to a thousandth of a cent', async () => {
    await spend('frac', microUsd(4725));
    assert.equal((await rowOf('frac'))['period_to_date_spend'], '0.473');
  });

  test('a search finds people far down the directory, page by page, each once', async () => {
    const people = Array.from({ length: 1200 }, (_, index) => ({
      sub: `many-${String(index).padStart(4, '0')}`,
      email: index % 600 === 599 ? `needle${index}@example.com` : null,
      name: null,
      groups: [],
      lastSeenMs: gateway.clock.now(),
    }));
    await gateway.admin.seen(people);
    const query = `${LIMITS}/effective?q=NEEDLE&period[]=daily&limit=1`;
    const first = (await call('GET', query)).json;
    const second = (await call('GET', `${query}&page=${first['next_page']}`)).json;
    assert.deepEqual([...subsOf(first), ...subsOf(second)], ['many-0599', 'many-1199']);
    assert.equal(second['next_page'], null);
  });

  test('people who are asked for by name come in order, page by page', async () => {
    const named = 'user_ids[]=z&user_ids[]=m&user_ids[]=z';
    const query = `${LIMITS}/effective?${named}&period[]=daily&limit=1`;
    const first = (await call('GET', query)).json;
    const second = (await call('GET', `${query}&page=${first['next_page']}`)).json;
    assert.deepEqual([...subsOf(first), ...subsOf(second)], ['m', 'z']);
    assert.equal(second['next_page'], null);
  });

  test('reads the ledger while the quota store does not answer', async () => {
    await spend('durable', DOLLAR);
    gateway.breakQuota('spend');
    assert.equal((await rowOf('durable'))['period_to_date_spend'], '0');
    assert.ok(gateway.log.lines.some(({ message }) => message.includes('read from the ledger')));
  });
});

describe('GET /api/oauth/usage', () => {
  async function usage(sub: string) {
    const token = await gateway.token(['eng'], sub);
    const response = await fetch(`${gateway.origin}/api/oauth/usage`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  test('shows the fullest cap as it stands now', async () => {
    await call('POST', LIMITS, userCap('ursula', '400', 'weekly'));
    await spend('ursula', microUsd(3_200_000));
    const { status, headers, text } = await usage('ursula');
    assert.deepEqual([status, headers.get('cache-control')], [200, 'no-store']);
    const report = JSON.parse(text) as { extra_usage: object; limits: { group: string }[] };
    assert.deepEqual(report.extra_usage, {
      is_enabled: true,
      monthly_limit: 400,
      used_credits: 320,
      utilization: 80,
      currency: 'USD',
    });
    assert.deepEqual(
      report.limits.map(({ group }) => group),
      ['weekly'],
    );
  });

  test('is not configured without an admin block', async () => {
    gateway.settings.current = null;
    const { status, headers, text } = await usage('ursula');
    assert.deepEqual([status, text], [404, 'not configured']);
    assert.deepEqual(
      [headers.get('cache-control'), headers.get('pragma')],
      ['no-store', 'no-cache'],
    );
  });

  test('says so when the quota store does not answer', async () => {
    gateway.breakQuota('spend');
    const { status, headers, text } = await usage('ursula');
    assert.deepEqual([status, text], [503, 'spend limit unavailable']);
    assert.equal(headers.get('cache-control'), 'no-store');
  });
});
